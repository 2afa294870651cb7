import { ByteQueue } from './byte-queue.ts';
import type { Reader, WireFault } from './fault.ts';
import { HttpFault, parseHead, type RequestHead, readFieldLine } from './http-head.ts';

export { HttpFault } from './http-head.ts';

export interface HttpLimits {
  /** For the request line with all header lines, and for all trailers. */
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
  /** The name of the setting that bounds a body, for the texts. */
  readonly bodySetting: string;
}

export interface HttpRequest {
  readonly type: 'request';
  readonly method: string;
  /** As sent, not decoded. */
  readonly target: string;
  /** The media type, in lower case, without its parameters. */
  readonly contentType: string | undefined;
  /** Not written to again: a view of what came, or a copy. */
  readonly body: Buffer;
  readonly keepAlive: boolean;
}

/** The peer waits with its body for the word to go on (`Expect: 100-continue`). */
export interface HttpContinue {
  readonly type: 'continue';
}

export type HttpMessage = HttpRequest | HttpContinue;

/** Where the reader stands in a request. */
type State =
  | { readonly type: 'head' }
  | { readonly type: 'sized'; readonly head: RequestHead; readonly bytes: number }
  | { readonly type: 'chunk-size'; readonly head: RequestHead }
  | { readonly type: 'chunk-data'; readonly head: RequestHead; readonly bytes: number }
  | { readonly type: 'trailers'; readonly head: RequestHead; readonly bytes: number };

const AT_HEAD: State = { type: 'head' };
const CONTINUE: HttpContinue = { type: 'continue' };
const NO_BODY = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const CR = 0x0d;
const LF = 0x0a;

export function createHttpReader(limits: HttpLimits): Reader<HttpMessage> {
  return new HttpReader(limits);
}

/** Reads HTTP/1.1 and 1.0 requests: RFC 9112, and stricter where two readers could disagree. */
class HttpReader implements Reader<HttpMessage> {
  readonly #limits: HttpLimits;
  readonly #bytes = new ByteQueue();
  /** The body of a chunked request, as far as it has come. */
  readonly #body = new ByteQueue();
  #state: State = AT_HEAD;
  /** How many of the unread bytes are known not to hold the end of the head or line that is looked for. */
  #scanned = 0;
  #ended = false;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  get begun(): boolean {
    return this.#state.type !== 'head' || this.#bytes.length > 0;
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk);
  }

  end(): void {
    this.#ended = true;
  }

  read(): HttpMessage | WireFault | undefined {
    const message = this.#advance();
    if (message instanceof HttpFault) return this.#fault(message);
    if (message === undefined && this.#ended && this.begun) {
      return this.#fault(new HttpFault(400, 'the request ended too early', 'incomplete'));
    }
    return message;
  }

  #advance(): HttpMessage | HttpFault | undefined {
    for (;;) {
      const step = this.#step();
      if (step !== 'on') return step;
    }
  }

  /** Takes one part of a request. `on`: there may be more in what has come. */
  #step(): HttpMessage | HttpFault | 'on' | undefined {
    const state = this.#state;
    switch (state.type) {
      case 'head':
        return this.#readHead();
      case 'sized':
        return this.#readSized(state.head, state.bytes);
      case 'chunk-size':
        return this.#readChunkSize(state.head);
      case 'chunk-data':
        return this.#readChunkData(state.head, state.bytes);
      case 'trailers':
        return this.#readTrailer(state.head, state.bytes);
    }
  }

  #readHead(): HttpMessage | HttpFault | 'on' | undefined {
    const bytes = this.#bytes;
    // One empty line before a request is let pass: RFC 9112, section 2.2.
    if (bytes.length >= 2 && bytes.buffer[bytes.start] === CR && bytes.buffer[bytes.start + 1] === LF) {
      bytes.consume(2);
      this.#scanned = 0;
    }
    const { buffer, start, end, length } = bytes;
    if (length === 0) return undefined;
    const found = buffer.indexOf(HEAD_END, start + Math.max(0, this.#scanned - (HEAD_END.length - 1)));
    const headEnd = found < 0 || found + HEAD_END.length > end ? undefined : found + HEAD_END.length;
    const { maxHeaderBytes } = this.#limits;
    if ((headEnd ?? end) - start > maxHeaderBytes) {
      return new HttpFault(
        431,
        `a head of more than sockets.maxHeaderBytes (${maxHeaderBytes}) bytes`,
        'limit',
      );
    }
    if (headEnd === undefined) return this.#awaitHead(buffer, start, end);
    const head = parseHead(buffer, start, headEnd);
    if (head instanceof HttpFault) return head;
    this.#scanned = 0;
    bytes.consume(headEnd - start);
    return this.#beginBody(head);
  }

  /** A line that ends in a bare LF would make a head that never ends in the way looked for. */
  #awaitHead(buffer: Buffer, start: number, end: number): HttpFault | undefined {
    let at = buffer.indexOf(LF, start + this.#scanned);
    while (at >= 0 && at < end) {
      if (at === start || buffer[at - 1] !== CR) return new HttpFault(400, 'a line ends in a bare LF');
      at = buffer.indexOf(LF, at + 1);
    }
    this.#scanned = end - start;
    return undefined;
  }

  #beginBody(head: RequestHead): HttpMessage | HttpFault | 'on' {
    if (head.body.type === 'sized') {
      const { bytes } = head.body;
      const { maxBodyBytes } = this.#limits;
      if (bytes > maxBodyBytes) return this.#bodyTooLarge(`a body of ${bytes} bytes`);
      if (bytes === 0) return request(head, NO_BODY);
      this.#state = { type: 'sized', head, bytes };
    } else {
      this.#state = { type: 'chunk-size', head };
    }
    return head.expectsContinue && this.#bytes.length === 0 ? CONTINUE : 'on';
  }

  #readSized(head: RequestHead, bytes: number): HttpMessage | undefined {
    const { buffer, start, length } = this.#bytes;
    if (length < bytes) return undefined;
    this.#bytes.consume(bytes);
    this.#state = AT_HEAD;
    return request(head, buffer.subarray(start, start + bytes));
  }

  #readChunkSize(head: RequestHead): HttpFault | 'on' | undefined {
    const line = this.#line(LONGEST_SIZE_LINE, 400, 'the line of a chunk size');
    if (typeof line !== 'number') return line;
    const { buffer, start } = this.#bytes;
    const text = buffer.toString('latin1', start, line);
    // Chunk extensions have no use here, and proxies are known to disagree on where they end.
    if (!CHUNK_SIZE.test(text)) return new HttpFault(400, 'a chunk size: expected 1 to 8 hexadecimal digits');
    const bytes = Number.parseInt(text, 16);
    if (this.#body.length + bytes > this.#limits.maxBodyBytes) return this.#bodyTooLarge('a body');
    this.#consumeLine(line);
    this.#state = bytes === 0 ? { type: 'trailers', head, bytes: 0 } : { type: 'chunk-data', head, bytes };
    return 'on';
  }

  #readChunkData(head: RequestHead, bytes: number): HttpFault | 'on' | undefined {
    const { buffer, start, length } = this.#bytes;
    if (length < bytes + LINE_END.length) return undefined;
    const dataEnd = start + bytes;
    if (buffer[dataEnd] !== CR || buffer[dataEnd + 1] !== LF) {
      return new HttpFault(400, 'a chunk is longer than its size says');
    }
    this.#body.push(buffer.subarray(start, dataEnd));
    this.#bytes.consume(bytes + LINE_END.length);
    this.#state = { type: 'chunk-size', head };
    return 'on';
  }

  /** Trailers are held to the rules of headers, and not used. `bytes` is how long they were so far. */
  #readTrailer(head: RequestHead, bytes: number): HttpMessage | HttpFault | 'on' | undefined {
    const { maxHeaderBytes } = this.#limits;
    const line = this.#line(maxHeaderBytes - bytes, 431, 'the trailers of a request');
    if (typeof line !== 'number') return line;
    const { buffer, start } = this.#bytes;
    if (line === start) {
      const body = this.#body.buffer.subarray(this.#body.start, this.#body.end);
      this.#body.clear();
      this.#consumeLine(line);
      this.#state = AT_HEAD;
      return request(head, body);
    }
    const field = readFieldLine(buffer, start, line + LINE_END.length);
    if (field instanceof HttpFault) return field;
    this.#state = { type: 'trailers', head, bytes: bytes + (line - start) + LINE_END.length };
    this.#consumeLine(line);
    return 'on';
  }

  /** Where the line that begins the unread bytes ends, when it is whole. */
  #line(maxBytes: number, status: number, what: string): number | HttpFault | undefined {
    const { buffer, start, end } = this.#bytes;
    const found = buffer.indexOf(LINE_END, start + Math.max(0, this.#scanned - 1));
    const whole = found >= 0 && found + LINE_END.length <= end;
    if ((whole ? found + LINE_END.length : end) - start > maxBytes) {
      return new HttpFault(status, `${what}: longer than ${maxBytes} bytes`, 'limit');
    }
    if (whole) return found;
    if (buffer.subarray(start + this.#scanned, end).includes(LF))
      return new HttpFault(400, 'a line ends in a bare LF');
    this.#scanned = end - start;
    return undefined;
  }

  #consumeLine(line: number): void {
    this.#scanned = 0;
    this.#bytes.consume(line - this.#bytes.start + LINE_END.length);
  }

  #bodyTooLarge(what: string): HttpFault {
    const { maxBodyBytes, bodySetting } = this.#limits;
    return new HttpFault(413, `${what} is over ${bodySetting} (${maxBodyBytes})`, 'limit');
  }

  #fault(fault: HttpFault): HttpFault {
    this.#bytes.clear();
    this.#body.clear();
    this.#scanned = 0;
    this.#state = AT_HEAD;
    return fault;
  }
}

const CHUNK_SIZE = /^[0-9A-Fa-f]{1,8}$/;
const LONGEST_SIZE_LINE = 8 + LINE_END.length;

const request = ({ method, target, contentType, keepAlive }: RequestHead, body: Buffer): HttpRequest => ({
  type: 'request',
  method,
  target,
  contentType,
  body,
  keepAlive,
});
