/**
 * Bytes that are no message of the protocol, after which the rest of the stream can't be trusted: the reader
 * gives no message after it, and the connection ends. A message that is whole but wrong is no fault.
 */
export class WireFault {
  /** What was expected and what came, and the limit's setting where it was one: for the peer and the log. */
  readonly reason: string;
  /** `limit`: the bytes may be well formed, but are more than a setting allows. */
  readonly kind: 'malformed' | 'limit' | 'incomplete';

  constructor(kind: WireFault['kind'], reason: string) {
    this.kind = kind;
    this.reason = reason;
  }
}

/**
 * A framing: bytes are pushed in as they come, messages are read out. `undefined` is “not yet”.
 * Splitting the same bytes in other places gives the same messages; a message shares no memory with later ones.
 */
export interface Reader<Message> {
  push(chunk: Buffer): void;
  read(): Message | WireFault | undefined;
  /** The stream has ended: `read` then gives the whole messages left and, for a rest, an `incomplete` fault. */
  end(): void;
  /** Part of a message is here. */
  readonly begun: boolean;
}
