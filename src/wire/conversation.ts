/**
 * What a protocol gives a socket: bytes go in, replies come out, and neither knows the other's insides.
 * A conversation is one connection's protocol with its state; the socket owns the connection, the order of
 * the replies, the limits in time, and the close.
 */
export interface Conversation {
  /** The protocol's name, as it stands in logs, counters and diagnostics: `json`, `http`, … */
  readonly protocol: string;

  /**
   * ms that the peer may leave unread what is above `sockets.maxUnsentBytes`, before it is closed. Absent: as long as it
   * likes.
   */
  readonly patience?: number;

  /** Part of a message has come and the rest has not: the clock of `sockets.requestTimeout` runs. */
  readonly begun: boolean;

  /** Takes the next bytes from the peer. The chunk is the conversation's own from then on. */
  push(chunk: Buffer): void;

  /**
   * Answers the next whole message. `undefined`: no whole message is here, push more. A promise: the answer
   * takes time; it never rejects, and the next message is not begun before it is settled, so replies keep the
   * order of the requests.
   */
  next(): Reply | Promise<Reply> | undefined;

  /**
   * The peer will send no more bytes, and is told to the conversation at once, also while a reply is awaited.
   * From then on `next` answers a message that is only half here with an error.
   */
  end(): void;

  /** The message begun was not whole in time: the last words to the peer. */
  timedOut(): Reply;

  /** The connection is gone: nothing can be sent any more; what the conversation held for it is let go. */
  closed(): void;
}

/** What goes back to the peer for one message. An empty `bytes` is no answer (a notification). */
export interface Reply {
  /** Text is written as UTF-8. */
  readonly bytes: string | Buffer;
  /** True: the connection is closed when the bytes are written. */
  readonly close: boolean;
}

/** Who is at the other end, as the kernel tells it. */
export interface PeerIdentity {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Its further groups; none where the kernel does not tell them. */
  readonly groups: readonly number[];
}

/** What a conversation may do to its connection outside of a reply. */
export interface Peer {
  /** Who the peer was when it connected; `undefined` when that can't be told. */
  readonly identity: PeerIdentity | undefined;
  /** Sends bytes that answer no message of the peer's: events, deliveries. They keep their order among replies. */
  send(bytes: string | Buffer): void;
  /** Bytes sent that the peer has not taken yet. */
  readonly unsent: number;
  /** More than `sockets.maxUnsentBytes` is unsent. The conversation is asked for its `next` when it has been taken. */
  readonly full: boolean;
  /** Ends the connection at once: for a peer that does not take what it asked to be sent. */
  close(): void;
}

/** A reply after which the connection lives on. */
export const reply = (bytes: string | Buffer): Reply => ({ bytes, close: false });

/** A reply after which the connection is closed. */
export const farewell = (bytes: string | Buffer): Reply => ({ bytes, close: true });
