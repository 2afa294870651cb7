import { type Conversation, farewell, type Peer, type Reply, reply } from '../wire/conversation.ts';
import { WireFault } from '../wire/fault.ts';
import { BinaryMessagePackReader } from '../wire/messagepack.ts';
import type { SwitchClient } from './host.ts';
import type { MessageId, Out } from './protocol.ts';
import {
  type PushCall,
  type PushError,
  readPushMessage,
  writeAnswer,
  writeDelivery,
  writeError,
} from './push-codec.ts';
import { Subscriptions } from './push-subscriptions.ts';

/** Each is the setting `switch.<name>`. */
export interface PushLimits {
  readonly maxMessageBytes: number;
  readonly maxCredit: number;
  readonly maxTransferQueues: number;
}

/** What a MessagePack message may have beside the payload in it. */
const ENVELOPE_BYTES = 64 * 1024;
/** An array with the params, in which stands a list of pairs of a queue and a list of ids: five. */
const MAX_DEPTH = 8;

/** Requests of one connection that are under way at the same time; further ones are read when some are answered. */
const MAX_UNDER_WAY = 1024;

const NOTHING = Buffer.alloc(0);
const DONE: Out = { type: 'done' };

/**
 * The switch in MessagePack-RPC, for one connection: see `docs/protocol.md`. Requests are begun in the order in which they
 * come, and are committed in it; each is answered when it is done.
 */
export class PushConversation implements Conversation {
  readonly protocol = 'messagepack';
  readonly #client: SwitchClient;
  readonly #peer: Peer;
  readonly #limits: PushLimits;
  readonly #refused: (reason: string) => void;
  readonly #reader: BinaryMessagePackReader;
  readonly #subscriptions: Subscriptions;
  #ended = false;
  #underWay = 0;
  #underWayBytes = 0;
  #settled: () => void = () => {};

  /** `refused` is told of every request that is not carried out, with the reason as the client was told it. */
  constructor(client: SwitchClient, peer: Peer, limits: PushLimits, refused: (reason: string) => void) {
    this.#client = client;
    this.#peer = peer;
    this.#limits = limits;
    this.#refused = refused;
    this.#reader = new BinaryMessagePackReader({
      maxRequestBytes: limits.maxMessageBytes + ENVELOPE_BYTES,
      names: { bytes: 'switch.maxMessageBytes and 64 KiB', depth: 'anything in this protocol' },
      maxDepth: MAX_DEPTH,
    });
    this.#subscriptions = new Subscriptions({
      listen: (queue, wake) => this.#client.listen(queue, wake),
      take: (queue, from, limit) => this.#client.take(queue, from, limit),
      deliver: (subscription, message) => peer.send(writeDelivery(subscription, message)),
      full: () => peer.full,
      maxCredit: limits.maxCredit,
      maxQueues: limits.maxTransferQueues,
    });
  }

  get begun(): boolean {
    return this.#reader.begun;
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  next(): Reply | Promise<Reply> | undefined {
    this.#subscriptions.resume();
    if (this.#isCrowded()) return this.#once(() => !this.#isCrowded(), reply(NOTHING));
    const message = this.#reader.read();
    if (message === undefined) {
      // The connection closes when there is nothing more to answer.
      return this.#ended && !this.#isIdle() ? this.#once(() => this.#isIdle(), reply(NOTHING)) : undefined;
    }
    if (message instanceof WireFault) return this.#farewell(message.reason);
    const read = readPushMessage(message, this.#limits.maxCredit);
    return read.type === 'wrong' ? reply(this.#error(read.id, read.error)) : this.#answer(read.id, read.call);
  }

  end(): void {
    this.#ended = true;
    this.#reader.end();
    this.#subscriptions.end();
  }

  timedOut(): Reply {
    return farewell(this.#lastWords('a request begun was not whole in time (sockets.requestTimeout)'));
  }

  closed(): void {
    this.#subscriptions.end();
    this.#client.leave();
  }

  /** What is under way is answered first. */
  #farewell(reason: string): Reply | Promise<Reply> {
    const last = farewell(this.#lastWords(reason));
    return this.#isIdle() ? last : this.#once(() => this.#isIdle(), last);
  }

  #lastWords(reason: string): Buffer {
    this.#subscriptions.end();
    return this.#error(null, { variant: 'Invalid', text: reason });
  }

  #error(id: number | null, error: PushError): Buffer {
    this.#refused(error.text);
    return writeError(id, error);
  }

  #answer(id: number | undefined, call: PushCall): Reply | Promise<Reply> {
    const out = this.#perform(call);
    if (!(out instanceof Promise)) return reply(this.#write(id, out));
    // What is asked behind it is to find the queue.
    if (call.type === 'create') return out.then((settled) => reply(this.#write(id, settled)));
    const bytes = call.type === 'send' ? call.payload.length : 0;
    this.#underWay += 1;
    this.#underWayBytes += bytes;
    out.then((settled) => {
      this.#underWay -= 1;
      this.#underWayBytes -= bytes;
      this.#peer.send(this.#write(id, settled));
      this.#settled();
    });
    return reply(NOTHING);
  }

  #isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** So much is under way that no more is begun. */
  #isCrowded(): boolean {
    return this.#underWay >= MAX_UNDER_WAY || this.#underWayBytes > this.#limits.maxMessageBytes;
  }

  /** Gives the reply as soon as it is so: what is under way is to bring it about. */
  async #once(isSo: () => boolean, then: Reply): Promise<Reply> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve;
      });
    }
    return then;
  }

  #write(id: number | undefined, out: Out): Buffer {
    if (out.type === 'refused') this.#refused(out.reason);
    return id === undefined ? NOTHING : writeAnswer(id, out);
  }

  #perform(call: PushCall): Out | Promise<Out> {
    switch (call.type) {
      case 'login':
      case 'create':
      case 'destroy':
      case 'send':
      case 'list':
        return this.#client.perform(call);
      case 'subscribe': {
        const out = this.#client.perform({ type: 'subscribe', queues: call.queues });
        if (out instanceof Promise || out.type === 'refused') return out;
        return outcome(this.#subscriptions.add(call));
      }
      case 'unsubscribe':
        return outcome(this.#subscriptions.remove(call.subscription));
      case 'credit':
        return outcome(this.#subscriptions.addCredit(call.subscription, call.more));
      case 'ack-batch':
        return this.#ack(call.ids);
    }
  }

  #ack(ids: readonly MessageId[]): Out | Promise<Out> {
    let last: Out | Promise<Out> = DONE;
    for (const id of ids) {
      const out = this.#client.perform({ type: 'ack', id });
      if (!(out instanceof Promise) && out.type === 'refused') return out;
      this.#subscriptions.acked(id);
      // They are committed in this order: when the last is kept, all are.
      if (out instanceof Promise) last = out;
    }
    return last;
  }
}

const outcome = (reason: string | undefined): Out =>
  reason === undefined ? DONE : { type: 'refused', status: 400, reason };
