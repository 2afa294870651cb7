import { type Conversation, farewell, type Peer, type Reply, reply } from '../../wire/conversation.ts';
import { converse } from '../../wire/converse.ts';
import {
  joinStrings,
  MAX_PAYLOAD,
  Operation,
  type OperationName,
  type Packet,
  PacketReader,
  writePacket,
} from '../../wire/xenstore.ts';
import { type Outcome, perform } from './operations.ts';
import { type Client, type EmbeddedLimits, StoreState } from './state.ts';
import type { Firing } from './watches.ts';

/** A store in this process, for hosts without Xen: it speaks xenstore's protocol, and all who connect are domain 0. */
export interface EmbeddedStore {
  /** Starts the conversation of a new connection. */
  converse(peer: Peer): Conversation;
}

const NAMES = new Map<number, OperationName>(
  Object.entries(Operation).map(([name, number]) => [number, name as OperationName]), // the keys of this very table
);

export function createEmbeddedStore(limits: EmbeddedLimits): EmbeddedStore {
  const state = new StoreState(limits);
  return { converse: (peer) => startConversation(state, peer) };
}

function startConversation(state: StoreState, peer: Peer): Conversation {
  const client: Client = {
    watches: new Map(),
    transactions: new Map(),
    lastTransactionId: 0,
    send: (bytes) => {
      // A watcher that does not read is closed, and must begin anew: nobody waits for it.
      if (peer.unsent > state.limits.embeddedMaxUnsentBytes) peer.close();
      else peer.send(bytes);
    },
  };
  return converse({
    protocol: 'xenstore',
    reader: new PacketReader({ maxPayloadBytes: MAX_PAYLOAD, setting: 'the protocol' }),
    answer: (packet) => answer(state, client, packet),
    // There is no packet that says so: the connection just ends, as with the C daemon.
    fault: () => farewell(''),
    closed: () => {
      for (const watch of client.watches.values()) state.watches.delete(watch);
    },
  });
}

function answer(state: StoreState, client: Client, packet: Packet): Reply {
  const { type, requestId, transactionId, payload } = packet;
  const name = NAMES.get(type);
  const outcome: Outcome =
    name === undefined
      ? { type: 'error', errno: 'ENOSYS' }
      : perform(state, client, name, transactionId, payload);
  if (outcome.type === 'error') {
    return reply(writePacket(Operation.ERROR, requestId, transactionId, joinStrings(outcome.errno)));
  }
  const answered = writePacket(type, requestId, transactionId, outcome.payload);
  // The reply goes out before the events that its request caused.
  return reply(Buffer.concat([answered, ...fire(client, outcome.firings)]));
}

/** Sends the events of others; gives those of the client itself, to go out behind its reply. */
function fire(client: Client, firings: readonly Firing<Client>[]): Buffer[] {
  const own: Buffer[] = [];
  for (const { watch, path } of firings) {
    // Watches are read with one character a byte.
    const payload = Buffer.from(joinStrings(path, watch.token), 'latin1');
    // Below a short path with a long token there may be a long path. No client could read the two together.
    if (payload.length > MAX_PAYLOAD) continue;
    const event = writePacket(Operation.WATCH_EVENT, 0, 0, payload);
    if (watch.owner === client) own.push(event);
    else watch.owner.send(event);
  }
  return own;
}
