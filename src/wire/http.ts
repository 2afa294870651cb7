import { ByteQueue } from './byte-queue.ts';
import type { Reader } from './fault.ts';
import { HttpFault } from './http-fault.ts';
import { CR, CRLF_BYTES, LF } from './http-fields.ts';
import { HeadReader, type RequestHead } from './http-head.ts';

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
  /**
   * Not written to again. Often a view of the packet that it came in, all of which it holds in memory: who keeps a
   * body for long copies it.
   */
  readonly body: Buffer;
  readonly keepAlive: boolean;
  /** As the client calls this server, where it says so. */
  readonly host: string | undefined;
  /** A page in a browser has made the client ask, or may have: by `Sec-Fetch-Site`, `Origin`, or a port of another name. */
  readonly fromBrowser: boolean;
}

/** The peer waits with its body for the word to go on (`Expect: 100-continue`). */
export interface HttpContinue {
  readonly type: 'continue';
}

export type HttpMessage = HttpRequest | HttpContinue;

/**
 * Why a request is refused that a page in a browser has made: where a port leads to a socket, any site could have the browser of
 * that machine send messages and calls.
 */
export const ONLY_PAGES =
  'a page in a browser may have asked for this (Sec-Fetch-Site, Origin, or Host with a port of another name than localhost): it may read pages, and nothing else';

/** Where the reader stands in the stream. */
type State =
  /** Between requests. */
  | { readonly type: 'start' }
  | { readonly type: 'head'; readonly reader: HeadReader }
  | { readonly type: 'sized'; readonly head: RequestHead; readonly bytes: number }
  | { readonly type: 'chunk-size'; readonly head: RequestHead }
  | { readonly type: 'chunk-data'; readonly head: RequestHead; readonly left: number }
  | { readonly type: 'chunk-end'; readonly head: RequestHead }
  | { readonly type: 'trailers'; readonly head: RequestHead; readonly reader: HeadReader }
  /** A fault was given, and what comes is thrown away. */
  | { readonly type: 'failed' };

/** What one step gives. `on`: there may be more in what has come; `undefined`: not before more comes. */
type Step = HttpMessage | HttpFault | 'on' | undefined;

const AT_START: State = { type: 'start' };
const FAILED: State = { type: 'failed' };
const CONTINUE: HttpContinue = { type: 'continue' };
const NO_BODY = Buffer.alloc(0);

export function createHttpReader(limits: HttpLimits): Reader<HttpMessage> {
  return new HttpReader(limits);
}

/** Reads HTTP/1.1 and 1.0 requests: RFC 9112, and stricter where two readers could disagree. */
class HttpReader implements Reader<HttpMessage> {
  readonly #limits: HttpLimits;
  readonly #bytes = new ByteQueue();
  /** The body of a chunked request, as far as it has come. */
  readonly #body = new ByteQueue();
  #state: State = AT_START;
  #ended = false;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  get begun(): boolean {
    const { type } = this.#state;
    return this.#bytes.length > 0 || (type !== 'start' && type !== 'head' && type !== 'failed');
  }

  push(chunk: Buffer): void {
    if (this.#state.type !== 'failed') this.#bytes.push(chunk);
  }

  end(): void {
    this.#ended = true;
  }

  read(): HttpMessage | HttpFault | undefined {
    let step: Step = 'on';
    while (step === 'on') step = this.#step();
    if (step === undefined && this.#ended && this.begun) {
      step = new HttpFault(400, 'the request ended too early', 'incomplete');
    }
    if (step instanceof HttpFault) this.#fail();
    return step;
  }

  #step(): Step {
    const state = this.#state;
    switch (state.type) {
      case 'start':
        return this.#readStart();
      case 'head':
        return this.#readHead(state.reader);
      case 'sized':
        return this.#readSized(state.head, state.bytes);
      case 'chunk-size':
        return this.#readChunkSize(state.head);
      case 'chunk-data':
        return this.#readChunkData(state.head, state.left);
      case 'chunk-end':
        return this.#readChunkEnd(state.head);
      case 'trailers':
        return this.#readTrailers(state.head, state.reader);
      case 'failed':
        return undefined;
    }
  }

  /** One empty line before a request is let pass: RFC 9112, section 2.2. */
  #readStart(): Step {
    const { buffer, start, length } = this.#bytes;
    if (length === 0) return undefined;
    if (buffer[start] === CR) {
      if (length < CRLF_BYTES) return undefined;
      if (buffer[start + 1] === LF) this.#bytes.consume(CRLF_BYTES);
    }
    this.#state = { type: 'head', reader: new HeadReader('a head', this.#limits.maxHeaderBytes) };
    return 'on';
  }

  #readHead(reader: HeadReader): Step {
    const length = reader.read(this.#bytes.unread);
    if (typeof length !== 'number') return length;
    this.#bytes.consume(length);
    const head = reader.head();
    return head instanceof HttpFault ? head : this.#beginBody(head);
  }

  #beginBody(head: RequestHead): Step {
    if (head.body.type === 'sized') {
      const { bytes } = head.body;
      if (bytes > this.#limits.maxBodyBytes) return this.#bodyTooLarge(`a body of ${bytes} bytes`);
      if (bytes === 0) return this.#finish(head, NO_BODY);
      this.#state = { type: 'sized', head, bytes };
    } else {
      this.#state = { type: 'chunk-size', head };
    }
    return head.expectsContinue && this.#bytes.length === 0 ? CONTINUE : 'on';
  }

  #readSized(head: RequestHead, bytes: number): Step {
    const { buffer, start, length } = this.#bytes;
    if (length < bytes) return undefined;
    this.#bytes.consume(bytes);
    return this.#finish(head, buffer.subarray(start, start + bytes));
  }

  #readChunkSize(head: RequestHead): Step {
    const bytes = this.#bytes.unread;
    const lineEnd = bytes.subarray(0, LONGEST_SIZE_LINE).indexOf(LF) + 1;
    if (lineEnd === 0) return bytes.length > LONGEST_SIZE_LINE ? wrongChunkSize(bytes) : undefined;
    if (bytes[lineEnd - CRLF_BYTES] !== CR) return new HttpFault(400, 'a line ends in a bare LF');
    const text = bytes.toString('latin1', 0, lineEnd - CRLF_BYTES);
    if (!CHUNK_SIZE.test(text)) return wrongChunkSize(bytes);
    const size = Number.parseInt(text, 16);
    const { maxBodyBytes, maxHeaderBytes } = this.#limits;
    if (this.#body.length + size > maxBodyBytes) return this.#bodyTooLarge('a body in chunks');
    this.#bytes.consume(lineEnd);
    this.#state =
      size === 0
        ? { type: 'trailers', head, reader: new HeadReader('trailers', maxHeaderBytes) }
        : { type: 'chunk-data', head, left: size };
    return 'on';
  }

  #readChunkData(head: RequestHead, left: number): Step {
    const { buffer, start, length } = this.#bytes;
    if (length === 0) return undefined;
    const bytes = Math.min(left, length);
    this.#body.push(buffer.subarray(start, start + bytes));
    this.#bytes.consume(bytes);
    this.#state =
      bytes === left ? { type: 'chunk-end', head } : { type: 'chunk-data', head, left: left - bytes };
    return 'on';
  }

  #readChunkEnd(head: RequestHead): Step {
    const { buffer, start, length } = this.#bytes;
    if (length === 0) return undefined;
    const first = buffer[start] === CR;
    if (first && length < CRLF_BYTES) return undefined;
    if (!first || buffer[start + 1] !== LF) return new HttpFault(400, 'a chunk is longer than its size says');
    this.#bytes.consume(CRLF_BYTES);
    this.#state = { type: 'chunk-size', head };
    return 'on';
  }

  #readTrailers(head: RequestHead, reader: HeadReader): Step {
    const length = reader.read(this.#bytes.unread);
    if (typeof length !== 'number') return length;
    const fault = reader.trailerFault();
    if (fault !== undefined) return fault;
    this.#bytes.consume(length);
    const { buffer, start, end } = this.#body;
    this.#body.clear();
    return this.#finish(head, buffer.subarray(start, end));
  }

  #finish(
    { method, target, contentType, keepAlive, host, fromBrowser }: RequestHead,
    body: Buffer,
  ): HttpRequest {
    this.#state = AT_START;
    return { type: 'request', method, target, contentType, body, keepAlive, host, fromBrowser };
  }

  #bodyTooLarge(what: string): HttpFault {
    const { maxBodyBytes, bodySetting } = this.#limits;
    return new HttpFault(413, `${what} is over ${bodySetting} (${maxBodyBytes})`, 'limit');
  }

  #fail(): void {
    this.#state = FAILED;
    this.#bytes.clear();
    this.#body.clear();
  }
}

/** Chunk extensions are refused: they have no use here, and readers are known to disagree on where they end. */
const CHUNK_SIZE = /^[0-9A-Fa-f]{1,8}$/;
const LONGEST_SIZE_LINE = 8 + CRLF_BYTES;

const wrongChunkSize = (unread: Buffer): HttpFault => {
  const came = JSON.stringify(unread.toString('latin1', 0, LONGEST_SIZE_LINE));
  return new HttpFault(400, `a chunk size: expected 1 to 8 hexadecimal digits, got ${came}`);
};
