import { type Conversation, farewell, type Reply } from './conversation.ts';
import type { Protocol } from './detect.ts';

/** A conversation whose protocol is chosen by its first byte. `patience` is as in `Conversation`. */
export const chooseByFirstByte = (
  choose: (firstByte: number) => Conversation,
  patience?: number,
): Conversation => new Choosing(choose, patience);

class Choosing implements Conversation {
  readonly patience?: number;
  readonly #choose: (firstByte: number) => Conversation;
  #chosen: Conversation | undefined;

  constructor(choose: (firstByte: number) => Conversation, patience: number | undefined) {
    this.#choose = choose;
    if (patience !== undefined) this.patience = patience;
  }

  get protocol(): string {
    return this.#chosen?.protocol ?? 'none';
  }

  get begun(): boolean {
    return this.#chosen?.begun ?? false;
  }

  push(chunk: Buffer): void {
    const [first] = chunk;
    if (first === undefined) return;
    this.#chosen ??= this.#choose(first);
    this.#chosen.push(chunk);
  }

  next(): Reply | Promise<Reply> | undefined {
    return this.#chosen?.next();
  }

  end(): void {
    this.#chosen?.end();
  }

  timedOut(): Reply {
    return this.#chosen?.timedOut() ?? farewell('');
  }

  closed(): void {
    this.#chosen?.closed();
  }
}

/** Why a connection that begins with this byte is refused, by a socket that speaks what the words say. */
export const whyUnspoken = (protocol: Protocol, firstByte: number, spoken: string): string =>
  protocol === 'tls'
    ? 'no TLS is spoken here: the socket is local'
    : `this socket speaks ${spoken}; no message of these begins with the byte 0x${firstByte.toString(16).padStart(2, '0')}`;

/** Gives this as the only answer, and the close. */
export function refusing(protocol: string, answer: () => string | Buffer): Conversation {
  let said = false;
  return {
    protocol,
    begun: false,
    push: () => {},
    next: () => {
      if (said) return undefined;
      said = true;
      return farewell(answer());
    },
    end: () => {},
    timedOut: () => farewell(''),
    closed: () => {},
  };
}
