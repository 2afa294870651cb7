import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setDeadline } from '../deadline.ts';
import { type ClientRequest, requestName } from './client-codec.ts';

/** Nothing more can be asked on this connection. The message is the reason. */
export class ConnectionLost extends Error {}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

const EXCERPT_BYTES = 200;

/** What is shown of an answer that was not expected. */
export const shown = ({ status, body }: HttpAnswer): string =>
  `${status} ${body.toString('latin1', 0, EXCERPT_BYTES).replace(/\s+/g, ' ')}`.trim();

export interface HttpConnectionOptions {
  /** Of the Unix socket. */
  readonly path: string;
  /** The largest body of an answer. */
  readonly maxAnswerBytes: number;
  /** The setting of that limit, for the texts. */
  readonly answerSetting: string;
  /** Told once, when the connection is gone without having been closed here. */
  readonly lost: (reason: string) => void;
}

/**
 * One connection to a switch over HTTP. A session belongs to a connection, so there is never a second one: once it is
 * gone, all that is asked rejects with `ConnectionLost`.
 */
export class HttpConnection {
  readonly #options: HttpConnectionOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #socket: Socket | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #lost: ConnectionLost | undefined;
  /** Ends the wait of the request that is under way. */
  #reject: (error: ConnectionLost) => void = () => {};

  /** Connects when the first request is made. */
  constructor(options: HttpConnectionOptions) {
    this.#options = options;
  }

  /** Asks once all that was asked before is answered; then the answer must be whole within `timeout` ms. */
  ask(request: ClientRequest, timeout: number): Promise<HttpAnswer> {
    const answer = this.#last.then(() => this.#send(request, timeout));
    this.#last = answer.catch(() => {});
    return answer;
  }

  close(): void {
    this.#end('closed');
  }

  #end(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = new ConnectionLost(reason);
    this.#reject(this.#lost);
    this.#agent.destroy();
  }

  #lose(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#end(reason);
    this.#options.lost(reason);
  }

  async #send(asked: ClientRequest, timeout: number): Promise<HttpAnswer> {
    if (this.#lost !== undefined) throw this.#lost;
    const { method, target, body } = asked;
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    this.#reject = reject;
    const headers = { 'content-length': Buffer.byteLength(body) };
    const request = httpRequest(
      { agent: this.#agent, socketPath: this.#options.path, method, path: target, headers },
      (response) => this.#read(response, resolve),
    );
    request.on('socket', (socket) => this.#watch(socket));
    request.on('error', (error) => this.#lose(error.message));
    request.end(body);
    const tooLate = () => this.#lose(`no answer to ${requestName(asked)} within ${timeout / 1000} s`);
    const deadline = setDeadline(tooLate, timeout);
    try {
      return await promise;
    } finally {
      deadline.clear();
    }
  }

  #watch(socket: Socket): void {
    if (socket === this.#socket) return;
    this.#socket = socket;
    socket.on('close', () => this.#lose('the switch closed the connection'));
  }

  #read(response: IncomingMessage, resolve: (answer: HttpAnswer) => void): void {
    const { maxAnswerBytes, answerSetting } = this.#options;
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) this.#lose(`an answer is over ${answerSetting} (${maxAnswerBytes})`);
      else chunks.push(chunk);
    });
    response.on('error', (error) => this.#lose(error.message));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
  }
}
