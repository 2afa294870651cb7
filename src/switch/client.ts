import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WireFault } from '../wire/fault.ts';
import { BinaryMessagePackReader } from '../wire/messagepack.ts';
import { FROM_THE_START, type Kind, type Message, type MessageId } from './protocol.ts';
import { readServerMessage, writeCall } from './push-client-codec.ts';
import type { PushCall } from './push-codec.ts';

export type { Kind, Message, MessageId } from './protocol.ts';

/**
 * A client of a switch over MessagePack: see `docs/protocol.md`. It is one connection, on which everything is under way
 * at the same time. When that is lost, all that was asked rejects with `SwitchLost`, `lost` settles, and the client is of
 * no more use: whoever wants to go on connects anew, logs in with the same token, and subscribes again; what was not
 * acked is then delivered again.
 */

/** The switch refused what was asked. The message is its text. */
export class SwitchRefused extends Error {
  readonly variant: string;

  constructor(variant: string, text: string) {
    super(text);
    this.variant = variant;
  }
}

/** The connection is gone. The message is the reason. */
export class SwitchLost extends Error {}

export interface SubscribeOptions {
  /** Messages that may be unacked at the same time. */
  readonly credit: number;
  /** Messages with higher ids are delivered; absent: all that wait, and all that come. */
  readonly from?: number;
}

export interface Subscription {
  /** Allows so many more messages to be unacked. */
  addCredit(more: number): Promise<void>;
  /** Nothing is delivered any more once this settles. */
  end(): Promise<void>;
}

export interface SwitchPushClient {
  login(token: string): Promise<void>;
  create(queue: string, lifetime: 'persistent' | 'transient'): Promise<void>;
  destroy(queue: string): Promise<void>;
  /** Gives the message's id; `undefined`: there is no such queue. */
  publish(queue: string, kind: Kind, payload: Buffer): Promise<number | undefined>;
  /** `deliver` is told of each message, in the order of each queue. A payload may be a view of much more. */
  subscribe(
    queues: readonly string[],
    options: SubscribeOptions,
    deliver: (message: Message) => void,
  ): Promise<Subscription>;
  /** Acks that are asked for in one turn leave together. */
  ack(id: MessageId): Promise<void>;
  list(prefix: string, alive?: boolean): Promise<readonly string[]>;
  /** Settles with the reason when the connection is gone, also by `close`. */
  readonly lost: Promise<string>;
  /** `reason` is what is told to those who wait for something. */
  close(reason?: string): void;
}

export interface SwitchClientOptions {
  /** Of the Unix socket. */
  readonly path: string;
  /** The largest message that is read, with its payload: bytes. */
  readonly maxMessageBytes?: number;
}

const USUAL_MAX_BYTES = 64 * 1024 * 1024;
/** Deeper than what a switch sends is nested. */
const MAX_DEPTH = 8;
/** Acks in one request: not more than the least `switch.maxCredit` that one would set. */
const ACKS_AT_ONCE = 100;
/**
 * In MessagePack, this id is a line feed. So a switch that speaks HTTP alone takes the beginning of the login for a line,
 * and refuses it at once, where it would wait for the end of one.
 */
const FIRST_ID = 0x0a;

/** Connects. Rejects with the system's error. */
export async function connectSwitchClient(options: SwitchClientOptions): Promise<SwitchPushClient> {
  // Not as a word alone: one of digits would be a port of TCP.
  const socket = connect({ path: options.path });
  await once(socket, 'connect');
  return new PushClient(socket, options.maxMessageBytes ?? USUAL_MAX_BYTES);
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

class PushClient implements SwitchPushClient {
  readonly lost: Promise<string>;
  readonly #socket: Socket;
  readonly #reader: BinaryMessagePackReader;
  readonly #waiting = new Map<number, Waiting>();
  readonly #subscriptions = new Map<number, (message: Message) => void>();
  #nextId = FIRST_ID;
  #nextSubscription = 0;
  #unwritten: Buffer[] = [];
  #acks: MessageId[] = [];
  #acked: Promise<void> = Promise.resolve();
  #ended: string | undefined;
  readonly #setLost: (reason: string) => void;

  constructor(socket: Socket, maxRequestBytes: number) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.lost = promise;
    this.#setLost = resolve;
    this.#socket = socket;
    this.#reader = new BinaryMessagePackReader({
      maxRequestBytes,
      names: { bytes: "the client's maxMessageBytes", depth: 'anything in this protocol' },
      maxDepth: MAX_DEPTH,
    });
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', (error) => this.#lose(error.message));
    socket.on('close', () => this.#lose('the switch closed the connection'));
  }

  async login(token: string): Promise<void> {
    await this.#ask({ type: 'login', token });
  }

  async create(queue: string, lifetime: 'persistent' | 'transient'): Promise<void> {
    await this.#ask({ type: 'create', queue, lifetime });
  }

  async destroy(queue: string): Promise<void> {
    await this.#ask({ type: 'destroy', queue });
  }

  async publish(queue: string, kind: Kind, payload: Buffer): Promise<number | undefined> {
    const id = await this.#ask({ type: 'send', queue, kind, payload });
    return typeof id === 'number' ? id : undefined;
  }

  async subscribe(
    queues: readonly string[],
    { credit, from = FROM_THE_START }: SubscribeOptions,
    deliver: (message: Message) => void,
  ): Promise<Subscription> {
    const subscription = this.#nextSubscription;
    this.#nextSubscription += 1;
    this.#subscriptions.set(subscription, deliver);
    try {
      await this.#ask({ type: 'subscribe', subscription, queues, credit, from });
    } catch (error) {
      this.#subscriptions.delete(subscription);
      throw error;
    }
    return {
      addCredit: async (more) => {
        await this.#ask({ type: 'credit', subscription, more });
      },
      end: async () => {
        await this.#ask({ type: 'unsubscribe', subscription });
        this.#subscriptions.delete(subscription);
      },
    };
  }

  ack(id: MessageId): Promise<void> {
    if (this.#acks.length === 0) {
      this.#acked = new Promise((resolve, reject) => {
        queueMicrotask(() => this.#sendAcks().then(resolve, reject));
      });
    }
    this.#acks.push(id);
    return this.#acked;
  }

  async list(prefix: string, alive = false): Promise<readonly string[]> {
    const names = await this.#ask({ type: 'list', prefix, alive });
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  }

  close(reason = 'closed'): void {
    this.#lose(reason);
  }

  async #sendAcks(): Promise<void> {
    const ids = this.#acks;
    this.#acks = [];
    const asked: Promise<unknown>[] = [];
    for (let at = 0; at < ids.length; at += ACKS_AT_ONCE) {
      asked.push(this.#ask({ type: 'ack-batch', ids: ids.slice(at, at + ACKS_AT_ONCE) }));
    }
    await Promise.all(asked);
  }

  #ask(call: PushCall): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(new SwitchLost(this.#ended));
    const id = this.#nextId;
    // 32 bits, as MessagePack-RPC has it.
    this.#nextId = (id + 1) >>> 0;
    this.#write(writeCall(id, call));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  /** What is asked in one turn leaves together. */
  #write(bytes: Buffer): void {
    this.#unwritten.push(bytes);
    if (this.#unwritten.length > 1) return;
    queueMicrotask(() => {
      const parts = this.#unwritten;
      this.#unwritten = [];
      const [only = bytes] = parts;
      if (!this.#socket.destroyed) this.#socket.write(parts.length === 1 ? only : Buffer.concat(parts));
    });
  }

  #received(chunk: Buffer): void {
    this.#reader.push(chunk);
    while (this.#ended === undefined) {
      const message = this.#reader.read();
      if (message === undefined) return;
      if (message instanceof WireFault) this.#lose(`what the switch sent can't be read: ${message.reason}`);
      else this.#handle(message);
    }
  }

  #handle(value: unknown): void {
    const message = readServerMessage(value);
    switch (message.type) {
      case 'delivery':
        this.#subscriptions.get(message.subscription)?.(message.message);
        break;
      case 'result':
        this.#settle(message.id)?.resolve(message.result);
        break;
      case 'error':
        if (message.id === undefined) this.#lose(message.text);
        else this.#settle(message.id)?.reject(new SwitchRefused(message.variant, message.text));
        break;
      case 'unreadable':
        this.#lose(`what the switch sent can't be read: ${message.reason}`);
        break;
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #lose(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#socket.destroy();
    for (const { reject } of this.#waiting.values()) reject(new SwitchLost(reason));
    this.#waiting.clear();
    this.#setLost(reason);
  }
}
