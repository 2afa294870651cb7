import { constants } from 'node:buffer';
import {
  type Asked,
  type ClientRequest,
  type Delivery,
  isSendAnswer,
  readDelivery,
  requestName,
  writeRequest,
} from './client-codec.ts';
import { ConnectionLost, type HttpAnswer, HttpConnection, shown } from './http-client.ts';
import type { MessageId } from './protocol.ts';

/** A switch in another process, and what is asked of it. */
export interface ForeignSwitch {
  /** Of its socket. */
  readonly path: string;
  readonly queue: string;
  readonly token: string;
  /** The largest answer of a transfer that is read: bytes, and the setting that says so. */
  readonly maxAnswerBytes: number;
  readonly answerSetting: string;
  readonly timeouts: ForeignTimeouts;
}

/** ms */
export interface ForeignTimeouts {
  /** For the answer to a request. */
  readonly request: number;
  /** How long the switch is asked to wait for messages. */
  readonly transfer: number;
}

/** With short transfers a queue that somebody destroyed is there again soon. */
export const USUAL_TIMEOUTS: ForeignTimeouts = { request: 10_000, transfer: 10_000 };

/**
 * A session on a switch in another process: two connections, as xapi's clients have, one of them for transfers, which
 * block. When either is lost, or the switch answers as no switch does that knows the session, the session has ended:
 * then all that is asked rejects with `ConnectionLost`.
 */
export class ForeignSession {
  readonly #switch: ForeignSwitch;
  readonly #transfers: HttpConnection;
  readonly #requests: HttpConnection;
  readonly #told: () => void;
  /** Messages that were taken and not acked yet. */
  unacked = 0;
  #ended: string | undefined;

  /** `told` is called when the session ends. */
  constructor(foreign: ForeignSwitch, told: () => void) {
    this.#switch = foreign;
    this.#told = told;
    // What is longer than a string can be could not be read.
    const maxAnswerBytes = Math.min(foreign.maxAnswerBytes, constants.MAX_STRING_LENGTH);
    const options = { ...foreign, maxAnswerBytes, lost: (reason: string) => this.end(reason) };
    this.#transfers = new HttpConnection(options);
    this.#requests = new HttpConnection(options);
  }

  /** Why it ended, if it has. */
  get ended(): string | undefined {
    return this.#ended;
  }

  end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#transfers.close();
    this.#requests.close();
    this.#told();
  }

  /** Fetches no more messages: a transfer that waits rejects. What was fetched can be answered and acked. */
  stopTransfers(): void {
    this.#transfers.close();
  }

  async login(): Promise<void> {
    const login = { type: 'login', token: this.#switch.token } as const;
    await Promise.all([this.#ask(this.#transfers, login), this.#ask(this.#requests, login)]);
  }

  async createQueue(): Promise<void> {
    const { queue } = this.#switch;
    await this.#ask(this.#transfers, { type: 'create', queue, lifetime: 'persistent' });
  }

  async transfer(from: number, patience: 'at once' | 'wait'): Promise<Delivery & { type: 'messages' }> {
    const { queue, timeouts } = this.#switch;
    const timeout = patience === 'wait' ? timeouts.transfer : 0;
    const asked: Asked = { type: 'transfer', from, timeout, queues: [queue] };
    const delivery = readDelivery(await this.#ask(this.#transfers, asked, timeout), queue);
    if (delivery.type === 'messages') return delivery;
    throw this.#fail(`the answer to POST /transfer can't be read: ${delivery.reason}`);
  }

  /** Gives the reason when the switch does not take this reply. One to a caller that has gone is taken, and dropped. */
  async respond(replyTo: string, to: MessageId, answer: string | Buffer): Promise<string | undefined> {
    const payload = typeof answer === 'string' ? Buffer.from(answer) : answer;
    const asked: Asked = { type: 'send', queue: replyTo, kind: { type: 'response', to }, payload };
    const request = writeRequest(asked);
    const answered = await this.#requests.ask(request, this.#switch.timeouts.request);
    if (isRefusal(answered)) return shown(answered);
    const body = this.#expectSuccess(request, answered);
    if (isSendAnswer(body)) return undefined;
    throw this.#fail(`the answer to ${requestName(request)} can't be read: ${shown(answered)}`);
  }

  async ack(id: MessageId): Promise<void> {
    await this.#ask(this.#requests, { type: 'ack', id });
  }

  /** `wait` is how long the switch may wait on purpose. */
  async #ask(connection: HttpConnection, asked: Asked, wait = 0): Promise<Buffer> {
    const request = writeRequest(asked);
    const answered = await connection.ask(request, wait + this.#switch.timeouts.request);
    return this.#expectSuccess(request, answered);
  }

  #expectSuccess(request: ClientRequest, answered: HttpAnswer): Buffer {
    if (answered.status === 200) return answered.body;
    throw this.#fail(`${requestName(request)} was answered with ${shown(answered)}`);
  }

  #fail(reason: string): ConnectionLost {
    this.end(reason);
    return new ConnectionLost(reason);
  }
}

/** Statuses for a request that is wrong in itself, whoever asks it and whenever. */
const REFUSALS: readonly number[] = [400, 404, 413];

/** What a connection is told that has no session. */
const NOT_LOGGED_IN = 'Please log in.';

const isRefusal = ({ status, body }: HttpAnswer): boolean =>
  REFUSALS.includes(status) && body.toString() !== NOT_LOGGED_IN;
