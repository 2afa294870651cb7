import type { TestContext } from 'node:test';
import { Operation, type OperationName, writePacket } from '../../../src/wire/xenstore.ts';
import { type Client, connectClient } from '../../helpers/client.ts';

/** A client that sends what it is told, packet by packet, sound or not. */
export interface PacketClient extends Client {
  /** Sends a request and gives the answer: its payload, or the name of the error. Events must not come between. */
  ask(name: OperationName, payload: string | Buffer, transactionId?: number): Promise<string>;
  /** The next packet. */
  packet(): Promise<{ type: number; requestId: number; transactionId: number; payload: Buffer }>;
}

export async function connectPackets(t: TestContext, path: string): Promise<PacketClient> {
  const client = await connectClient(t, path);
  const packet = async () => {
    const head = await client.receive(16);
    return {
      type: head.readUInt32LE(0),
      requestId: head.readUInt32LE(4),
      transactionId: head.readUInt32LE(8),
      payload: await client.receive(head.readUInt32LE(12)),
    };
  };
  return {
    ...client,
    packet,
    ask: async (name, payload, transactionId = 0) => {
      client.send(writePacket(Operation[name], 7, transactionId, payload));
      const { type, payload: answer } = await packet();
      return answer.toString('latin1').slice(0, type === Operation.ERROR ? -1 : undefined);
    },
  };
}
