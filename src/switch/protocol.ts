/**
 * xapi's message-switch protocol as types: what may be asked, and what is answered. How both stand in HTTP is in
 * `http-codec.ts`; the broker sees neither verbs nor targets.
 */

/** Where a message is: ids count up in each queue. */
export interface MessageId {
  readonly queue: string;
  readonly id: number;
}

/** A request names the queue that its reply should go to; a response the message that it answers. */
export type Kind =
  | { readonly type: 'request'; readonly replyTo: string }
  | { readonly type: 'response'; readonly to: MessageId };

export interface Message {
  readonly id: MessageId;
  /** Bytes of the sender's: never parsed, never changed. */
  readonly payload: Buffer;
  readonly kind: Kind;
  /** The sender's session. */
  readonly origin: string;
  /** When it was accepted: ms since the epoch. */
  readonly time: number;
}

/** What a client asks. Times are in ms. */
export type In =
  | { readonly type: 'login'; readonly token: string }
  | { readonly type: 'create'; readonly queue: string; readonly lifetime: 'persistent' | 'transient' }
  | { readonly type: 'destroy'; readonly queue: string }
  | { readonly type: 'send'; readonly queue: string; readonly kind: Kind; readonly payload: Buffer }
  | {
      readonly type: 'transfer';
      readonly from: number;
      readonly timeout: number;
      readonly queues: readonly string[];
    }
  /** Whether these queues may be listened on: see `SwitchClient`. */
  | { readonly type: 'subscribe'; readonly queues: readonly string[] }
  | { readonly type: 'ack'; readonly id: MessageId }
  | { readonly type: 'list'; readonly prefix: string; readonly alive: boolean }
  /** Without a view, all that waits is told. */
  | { readonly type: 'diagnostics'; readonly view?: ReportView }
  | { readonly type: 'trace'; readonly from: number; readonly timeout: number }
  | { readonly type: 'shutdown' };

/** What is answered. */
export type Out =
  | { readonly type: 'done' }
  | { readonly type: 'created'; readonly queue: string }
  /** No id: there is no such queue. */
  | { readonly type: 'sent'; readonly id: MessageId | undefined }
  | { readonly type: 'messages'; readonly messages: readonly Message[]; readonly next: number }
  | { readonly type: 'names'; readonly names: readonly string[] }
  | { readonly type: 'diagnostics'; readonly report: Diagnostics }
  | { readonly type: 'events'; readonly events: readonly TraceEvent[] }
  | { readonly type: 'refused'; readonly status: 400 | 403 | 404 | 413 | 503; readonly reason: string };

/** What of the state of the switch is told: a part of it, when all would be much. */
export interface ReportView {
  /** This queue alone; `undefined`: every one. */
  readonly queue: string | undefined;
  /** The oldest messages of each queue, at most so many. */
  readonly messages: number;
  /** Each payload is cut to so many bytes. */
  readonly payloadBytes: number;
}

/** The state of the switch, as `GET /` tells it. */
export interface Diagnostics {
  /** ms since the switch started. */
  readonly uptime: number;
  /** Of the switch: ms since the epoch. */
  readonly started: number;
  readonly persistent: readonly QueueReport[];
  readonly transient: readonly QueueReport[];
}

export interface QueueReport {
  readonly name: string;
  /** When the transfer that asked for it last ends: ms since the epoch. */
  readonly nextTransfer: number | undefined;
  /** Newest first. */
  readonly messages: readonly ReportedMessage[];
  /** All that wait in it, in a report that may have a part of them. */
  readonly total?: { readonly messages: number; readonly bytes: number };
}

export interface ReportedMessage extends Message {
  /** Of the payload before it was cut, in a report where it may be. */
  readonly payloadBytes?: number;
}

/** Something that happened to a message. Absent fields are not known of this kind of event. */
export interface TraceEvent {
  readonly number: number;
  /** ms since the epoch. */
  readonly time: number;
  /** The session that sent or acked. */
  readonly input: string | undefined;
  readonly queue: string;
  /** The session that it was delivered to. */
  readonly output: string | undefined;
  readonly what:
    | { readonly type: 'message'; readonly id: MessageId; readonly payload: Buffer; readonly kind: Kind }
    | { readonly type: 'ack'; readonly id: MessageId };
  /** Of a response that is delivered while the request it answers still waits for its ack: ms since that was sent. */
  readonly processingTime: number | undefined;
}

/**
 * A change of what the switch holds: all that has to be known to make it again. Ids and times are in it, so that it
 * means the same whenever it is applied.
 */
export type Operation =
  | { readonly type: 'queue-created'; readonly queue: string; readonly owner: string | undefined }
  | { readonly type: 'queue-removed'; readonly queue: string }
  /** Somebody has listened on it: it is alive, also for whoever asks after a restart. */
  | { readonly type: 'queue-listened'; readonly queue: string }
  | { readonly type: 'message-sent'; readonly message: Message }
  /** It is done with: acked, or dropped because nobody waits for it any more. */
  | { readonly type: 'message-acked'; readonly id: MessageId }
  /** Ids up to this one, not included, were given. Kept where the messages that had them are not. */
  | { readonly type: 'ids-given'; readonly next: number };

/** The cursor before every message. */
export const FROM_THE_START = -1;
