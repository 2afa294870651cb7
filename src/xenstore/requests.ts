import type { Socket } from 'node:net';
import { type Deadline, setDeadline } from '../deadline.ts';
import { WireFault } from '../wire/fault.ts';
import {
  MAX_PAYLOAD,
  Operation,
  type OperationName,
  type Packet,
  PacketReader,
  splitStrings,
  writePacket,
} from '../wire/xenstore.ts';
import { XenstoreError } from './errors.ts';

/** A watch has fired: something at or below the path may have changed. The store may merge events, or send too many. */
export type EventListener = (path: string, token: string) => void;

export interface RequestOptions {
  /** ms without any answer, while some are awaited, after which the store is taken for dead. */
  readonly requestTimeout: number;
  /** The largest answer that is read. */
  readonly maxPayloadBytes: number;
  /** How many requests may be under way; further ones wait here. */
  readonly maxInFlight: number;
  readonly onEvent: EventListener;
}

interface Request {
  readonly operation: OperationName;
  /** For error texts: what was asked for. */
  readonly subject: string;
  readonly packet: Buffer;
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The requests under way on one connection. They are written at once, all of one turn of the event loop together, and
 * answered in order. Every one of them is settled: by its answer, or by the end of the connection, which a store that
 * gives no answer in time is made to have. What comes in is always read, so that a store that blocks on writing
 * events to us goes on.
 */
export class Requests {
  /** Settles when the connection has ended, with the reason unless it was asked for. */
  readonly closed: Promise<Error | undefined>;
  readonly #socket: Socket;
  readonly #options: RequestOptions;
  readonly #reader: PacketReader;
  readonly #inFlight = new Map<number, Request>();
  readonly #waiting: Request[] = [];
  #waitingFrom = 0;
  #unwritten: Buffer[] = [];
  #nextId = 1;
  #end: { readonly reason: Error | undefined } | undefined;
  #deadline: Deadline | undefined;
  #setClosed: (reason: Error | undefined) => void = () => {};

  constructor(socket: Socket, options: RequestOptions) {
    this.#socket = socket;
    this.#options = options;
    const { maxPayloadBytes } = options;
    this.#reader = new PacketReader({ maxPayloadBytes, setting: 'xenstore.maxPayloadBytes' });
    this.closed = new Promise((resolve) => {
      this.#setClosed = resolve;
    });
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#finish(new XenstoreError('ECONNRESET', error.message)));
    socket.on('close', () =>
      this.#finish(new XenstoreError('ECONNRESET', 'xenstored closed the connection')),
    );
  }

  /** Asks. Resolves with the answer's payload; rejects with a `XenstoreError`. */
  ask(
    operation: OperationName,
    subject: string,
    payload: Buffer | string,
    transactionId: number,
  ): Promise<Buffer> {
    if (this.#end !== undefined) return Promise.reject(this.#end.reason ?? ended());
    const bytes = Buffer.byteLength(payload);
    // The C daemon closes the connection at a longer payload, and oxenstored loses step.
    if (bytes > MAX_PAYLOAD) {
      const text = `${operation} ${subject}: ${bytes} bytes, at most ${MAX_PAYLOAD} fit a packet`;
      return Promise.reject(new XenstoreError('E2BIG', text));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const id = this.#takeId();
    const packet = writePacket(Operation[operation], id, transactionId, payload);
    const request: Request = { operation, subject, packet, resolve, reject };
    if (this.#inFlight.size < this.#options.maxInFlight) this.#send(id, request);
    else this.#waiting.push(request);
    return promise;
  }

  /** Ends the connection. What is under way is rejected. */
  close(): void {
    this.#finish(undefined);
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return id;
  }

  #send(id: number, request: Request): void {
    this.#inFlight.set(id, request);
    if (this.#unwritten.length === 0) queueMicrotask(() => this.#write());
    this.#unwritten.push(request.packet);
    this.#deadline ??= setDeadline(() => this.#timedOut(), this.#options.requestTimeout);
  }

  #write(): void {
    const packets = this.#unwritten;
    this.#unwritten = [];
    if (this.#end === undefined) this.#socket.write(Buffer.concat(packets));
  }

  #received(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (;;) {
      if (this.#end !== undefined) return;
      const packet = this.#reader.read();
      if (packet === undefined) return;
      if (packet instanceof WireFault) this.#finish(new XenstoreError('EPROTO', packet.reason));
      else if (packet.type === Operation.WATCH_EVENT) this.#event(packet);
      else this.#answered(packet);
    }
  }

  #event({ payload }: Packet): void {
    const [path = '', token = ''] = splitStrings(payload);
    this.#options.onEvent(path, token);
  }

  #answered({ type, requestId, payload }: Packet): void {
    const request = this.#inFlight.get(requestId);
    if (request === undefined) {
      this.#finish(
        new XenstoreError('EPROTO', `xenstored answered request ${requestId}, which was not made`),
      );
      return;
    }
    this.#inFlight.delete(requestId);
    this.#sendWaiting();
    if (this.#inFlight.size > 0) this.#deadline?.refresh();
    else this.#stopDeadline();
    if (type === Operation.ERROR) {
      const code = payload.toString('latin1').replace(/\0.*$/, '');
      request.reject(new XenstoreError(code, `${request.operation} ${request.subject}`));
    } else {
      request.resolve(payload);
    }
  }

  #sendWaiting(): void {
    const next = this.#waiting[this.#waitingFrom];
    if (next === undefined) return;
    this.#waitingFrom += 1;
    if (this.#waitingFrom === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#waitingFrom = 0;
    }
    this.#send(next.packet.readUInt32LE(4), next);
  }

  #stopDeadline(): void {
    this.#deadline?.clear();
    this.#deadline = undefined;
  }

  #timedOut(): void {
    const { requestTimeout } = this.#options;
    this.#finish(
      new XenstoreError(
        'ETIMEDOUT',
        `xenstored gave no answer for ${requestTimeout} ms (xenstore.requestTimeout)`,
      ),
    );
  }

  #finish(reason: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    this.#stopDeadline();
    this.#socket.destroy();
    const error = reason ?? ended();
    for (const { reject } of this.#inFlight.values()) reject(error);
    for (const { reject } of this.#waiting.slice(this.#waitingFrom)) reject(error);
    this.#inFlight.clear();
    this.#waiting.length = 0;
    this.#setClosed(reason);
  }
}

const ended = (): XenstoreError => new XenstoreError('ECONNRESET', 'the connection to xenstored was closed');
