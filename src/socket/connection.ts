import type { Socket } from 'node:net';
import { type Deadline, setDeadline } from '../deadline.ts';
import type { Conversation, Peer, PeerIdentity, Reply } from '../wire/conversation.ts';

export interface ConnectionLimits {
  /** ms within which a request that has begun must be whole. */
  readonly requestTimeout: number;
  /** Bytes written and not yet taken by the peer, above which its further requests wait. */
  readonly maxUnsentBytes: number;
  /** ms after which a connection that is to close is closed, when its peer has taken nothing more of what it was sent. */
  readonly slowReaderTimeout: number;
}

/** What is counted of the connections of one socket. Numbers only grow, but for `open`. */
export interface ConnectionCounters {
  open: number;
  accepted: number;
  refused: number;
  bytesIn: number;
  bytesOut: number;
  /** Connections by the protocol that their first byte chose. */
  readonly protocols: Map<string, number>;
}

export const newCounters = (): ConnectionCounters => ({
  open: 0,
  accepted: 0,
  refused: 0,
  bytesIn: 0,
  bytesOut: 0,
  protocols: new Map(),
});

/**
 * While an answer is awaited, what comes in is kept for the conversation up to this much; then the peer is held back.
 * It is read on until then because only a socket that is read tells that the peer has gone.
 */
const READ_AHEAD_BYTES = 64 * 1024;

/** How long a connection may take to close, once the kernel has all that it is sent. */
const LINGER_MS = 1000;

/** Replies of one turn leave in one write, or as soon as they are this much. */
const WRITE_BYTES = 64 * 1024;

/**
 * One connection: carries bytes between a socket and a conversation. It keeps the order of the replies, holds back a
 * peer that does not read, times requests that were begun, and is the only place where a connection is closed.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #conversation: Conversation;
  readonly #limits: ConnectionLimits;
  readonly #counters: ConnectionCounters;
  readonly #gone: (connection: Connection) => void;
  /** `open` serves; `ending` answers what is here and then closes; `closing` has said its last word. */
  #state: 'open' | 'ending' | 'closing' = 'open';
  #awaiting = false;
  #readAhead = 0;
  #maxReadAhead = READ_AHEAD_BYTES;
  #greeted = false;
  #clock: Deadline | undefined;
  /** Runs while the peer is held back, if the conversation has no endless patience. */
  #patience: Deadline | undefined;
  #flushing = false;
  #pending: (string | Buffer)[] = [];
  #pendingBytes = 0;

  constructor(
    socket: Socket,
    start: (peer: Peer) => Conversation,
    limits: ConnectionLimits,
    counters: ConnectionCounters,
    gone: (connection: Connection) => void,
    identity: PeerIdentity | undefined,
  ) {
    this.#socket = socket;
    this.#limits = limits;
    this.#counters = counters;
    this.#gone = gone;
    const isHeld = (): boolean => this.#held();
    this.#conversation = start({
      identity,
      send: (bytes) => this.#send(bytes),
      get unsent() {
        return socket.writableLength;
      },
      get full() {
        return isHeld();
      },
      close: () => socket.destroy(),
    });
    // A client that shuts down its writing side, as socat does, still reads: it gets its answers before the close.
    socket.allowHalfOpen = true;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => this.finish());
    socket.on('drain', () => this.#drained());
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => this.#closed());
  }

  /** No more is read: what is whole or under way is answered, then the connection closes. */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#conversation.end();
    this.#pump();
  }

  /**
   * The peer can send no more, and knows it: what it has sent is read and answered, then the connection closes. So each
   * request that left its peer is answered, also one that nobody has read yet.
   */
  finishAll(endReading: ((socket: Socket) => boolean) | undefined): void {
    if (endReading?.(this.#socket) !== true) {
      this.finish();
      return;
    }
    // There is no more than the kernel has kept; and only behind it is the end, which lets a waiting answer come.
    this.#maxReadAhead = Number.POSITIVE_INFINITY;
    this.#socket.resume();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    if (this.#state !== 'open') return;
    this.#counters.bytesIn += chunk.length;
    this.#conversation.push(chunk);
    if (!this.#greeted) this.#greet();
    if (this.#awaiting || this.#held()) {
      this.#readAhead += chunk.length;
      if (this.#readAhead > this.#maxReadAhead) this.#socket.pause();
      return;
    }
    this.#pump();
  }

  #greet(): void {
    this.#greeted = true;
    const { protocols } = this.#counters;
    const { protocol } = this.#conversation;
    protocols.set(protocol, (protocols.get(protocol) ?? 0) + 1);
  }

  /** Never below the socket's own high-water mark: only above that does it tell when it has drained. */
  #held(): boolean {
    const { writableLength } = this.#socket;
    return (
      writableLength > this.#limits.maxUnsentBytes && writableLength > this.#socket.writableHighWaterMark
    );
  }

  /** Answers whole messages until there is none, an answer takes time, or the peer must read first. */
  #pump(): void {
    let answered = false;
    while (!this.#awaiting && this.#state !== 'closing' && !this.#held()) {
      const answer = this.#conversation.next();
      if (answer === undefined) {
        if (this.#state === 'ending') this.#close();
        break;
      }
      answered = true;
      if (answer instanceof Promise) this.#await(answer);
      else this.#deliver(answer);
    }
    this.#flush();
    this.#watchClock(answered);
    if (this.#state === 'ending' && !this.#awaiting && this.#held()) this.#watchReader();
  }

  /** Nothing but its peer keeps the connection open, and with it a daemon or a queue that is to end. */
  #watchReader(): void {
    // Of a large write, too, Node's own clock knows how much is taken.
    this.#socket.setTimeout(this.#limits.slowReaderTimeout);
  }

  #await(answer: Promise<Reply>): void {
    this.#awaiting = true;
    answer.then((reply) => {
      this.#awaiting = false;
      if (this.#socket.destroyed) return;
      this.#deliver(reply);
      this.#readOn();
      this.#pump();
    });
  }

  /** The caller flushes, when there is nothing more to deliver. */
  #deliver(reply: Reply): void {
    this.#add(reply.bytes);
    if (reply.close) this.#close();
  }

  /** Sends what is no reply. What comes in one turn leaves together. */
  #send(bytes: string | Buffer): void {
    this.#add(bytes);
    if (this.#flushing || this.#pending.length === 0) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #add(bytes: string | Buffer): void {
    if (bytes.length === 0 || this.#state === 'closing') return;
    // A list of one, which it mostly stays, takes less made so than pushed to.
    if (this.#pending.length === 0) this.#pending = [bytes];
    else this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes > WRITE_BYTES) this.#flush();
  }

  #flush(): void {
    const [first, second] = this.#pending;
    if (first === undefined) return;
    const bytes = second === undefined ? first : joined(this.#pending);
    this.#counters.bytesOut += bytes.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#socket.write(bytes);
    this.#watchPatience();
  }

  /** A peer that leaves what was sent to it unread for too long is closed. */
  #watchPatience(): void {
    const { patience } = this.#conversation;
    if (patience === undefined || this.#patience !== undefined || !this.#held()) return;
    this.#patience = setDeadline(() => this.#socket.destroy(), patience);
  }

  #endPatience(): void {
    this.#patience?.clear();
    this.#patience = undefined;
  }

  #close(): void {
    this.#flush();
    this.#state = 'closing';
    this.#stopClock();
    this.#socket.end();
    this.#watchReader();
    // What the peer is still sending is read and thrown away for a moment: a close with unread bytes would reset
    // the connection under its last answer.
    this.#socket.resume();
    // Not before all has left: a peer that reads slowly would get half an answer.
    this.#socket.once('finish', () => {
      this.#clock = setDeadline(() => this.#socket.destroy(), LINGER_MS);
    });
  }

  #drained(): void {
    this.#endPatience();
    if (this.#awaiting || this.#state === 'closing') return;
    if (this.#state === 'ending') this.#socket.setTimeout(0);
    this.#readOn();
    this.#pump();
  }

  #readOn(): void {
    this.#readAhead = 0;
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** A request begun must be whole in time; each whole message gives the next one its own time. */
  #watchClock(answered: boolean): void {
    if (this.#state !== 'open') return;
    if (!this.#conversation.begun || this.#awaiting) {
      this.#stopClock();
    } else if (this.#clock === undefined) {
      this.#clock = setDeadline(() => this.#timedOut(), this.#limits.requestTimeout);
    } else if (answered) {
      this.#clock.refresh();
    }
  }

  #stopClock(): void {
    this.#clock?.clear();
    this.#clock = undefined;
  }

  #timedOut(): void {
    this.#clock = undefined;
    if (this.#held()) return;
    this.#deliver(this.#conversation.timedOut());
    this.#flush();
  }

  #closed(): void {
    this.#stopClock();
    this.#endPatience();
    this.#state = 'closing';
    this.#conversation.closed();
    this.#gone(this);
  }
}

function joined(parts: readonly (string | Buffer)[]): string | Buffer {
  return parts.every((part) => typeof part === 'string')
    ? parts.join('')
    : Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}
