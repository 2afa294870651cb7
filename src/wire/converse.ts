import type { Conversation, Reply } from './conversation.ts';
import { type Reader, WireFault } from './fault.ts';

/** What makes a conversation of a framing: the words for each message, and the last words when the framing is lost. */
export interface Talk<Message> {
  readonly protocol: string;
  readonly reader: Reader<Message>;
  answer(message: Message): Reply | Promise<Reply>;
  /** The answer to a fault, which ends the conversation. */
  fault(fault: WireFault): Reply;
  /** The peer will send no more: an answer that waits for something is to come now. */
  ended?(): void;
  /** The connection is gone. */
  closed?(): void;
}

/** A conversation of one message and one reply at a time over any framing. */
export function converse<Message>(talk: Talk<Message>): Conversation {
  return new ReaderConversation(talk);
}

class ReaderConversation<Message> implements Conversation {
  readonly protocol: string;
  readonly #talk: Talk<Message>;
  readonly #reader: Reader<Message>;

  constructor(talk: Talk<Message>) {
    this.protocol = talk.protocol;
    this.#talk = talk;
    this.#reader = talk.reader;
  }

  get begun(): boolean {
    return this.#reader.begun;
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  next(): Reply | Promise<Reply> | undefined {
    const message = this.#reader.read();
    if (message === undefined) return undefined;
    return message instanceof WireFault ? this.#talk.fault(message) : this.#talk.answer(message);
  }

  end(): void {
    this.#reader.end();
    this.#talk.ended?.();
  }

  timedOut(): Reply {
    return this.#talk.fault(
      new WireFault('limit', 'a request begun was not whole in time (sockets.requestTimeout)'),
    );
  }

  closed(): void {
    this.#talk.closed?.();
  }
}
