import { join } from 'node:path';
import { type Config, resolveSwitchPath } from '../config.ts';
import type { Reporter } from '../reporter.ts';
import { jsonAnswers, type RpcLimits, unreadable } from '../rpc/answer.ts';
import { keeping } from '../rpc/encode.ts';
import { createRpcFront } from '../rpc/front.ts';
import type { Service } from '../rpc/service.ts';
import type { RefusalMeter } from '../service/metrics-refusals.ts';
import type { Sockets } from '../sockets.ts';
import { USUAL_TIMEOUTS } from '../switch/foreign-session.ts';
import type { SwitchHost } from '../switch/host.ts';
import { type JoinedQueue, joinSwitch } from '../switch/join.ts';
import { type QueueService, type QueueServiceOptions, serveQueue, type Taken } from '../switch/service.ts';
import type { Timelines } from '../timeline/timelines.ts';
import type { Arrival } from '../wire/arrival.ts';
import { JsonFailure, parseJsonBytes, writeJson } from '../wire/json.ts';
import type { Pages } from '../wire/pages.ts';
import { refusedOn } from './refused.ts';

/** A queue that is served. */
export interface Served {
  /** Takes no more calls; settles when those under way are answered. */
  stop(): Promise<void>;
}

export interface QueuesOptions {
  readonly config: Config;
  readonly sockets: Sockets;
  /** Told of what can't be read. */
  readonly rpc: Reporter;
  /** Told of a switch in another process. */
  readonly joined: Reporter;
  /** The switch, when it is in this process. */
  readonly host: SwitchHost | undefined;
  readonly now: () => number;
  readonly timelines: Timelines;
  /** Counts what could not be read. */
  readonly refusals: RefusalMeter;
  /** What is read over HTTP beside. */
  readonly pages: Pages;
}

/** Requests on a queue that are answered at the same time. */
const MAX_CONCURRENT = 256;

/** The queues that the daemon serves: each is a socket of its name, and a queue of the switch. */
export class Queues {
  readonly #options: QueuesOptions;
  readonly #services = new Set<Service>();
  readonly #joined = new Set<JoinedQueue>();

  constructor(options: QueuesOptions) {
    this.#options = options;
  }

  get services(): Service[] {
    return [...this.#services];
  }

  /** Those that are served on a switch in another process. */
  get joined(): JoinedQueue[] {
    return [...this.#joined];
  }

  async serve(service: Service): Promise<Served> {
    const { config, sockets, rpc, refusals, pages } = this.#options;
    const path = join(config.sockets.directory, service.queue);
    const front = createRpcFront(service, this.#limits(), refusedOn(rpc, refusals, path), pages);
    const socket = await sockets.listen(path, front, (reason) => `${unreadable(reason)}\n`);
    const onSwitch = this.#onSwitch(service);
    this.#services.add(service);
    return {
      stop: async () => {
        await socket.stopListening();
        socket.finish();
        await Promise.all([onSwitch?.stop(), socket.drained]);
        sockets.forget(socket);
        this.#services.delete(service);
      },
    };
  }

  #onSwitch(service: Service): QueueService | undefined {
    const { config, host } = this.#options;
    if (host !== undefined) return serveQueue({ host, ...this.#answering(service) });
    return config.switch.mode === 'join' ? this.#join(service) : undefined;
  }

  #join(service: Service): QueueService {
    const { config, joined: report, now } = this.#options;
    const path = resolveSwitchPath(config);
    const limit = { maxAnswerBytes: config.switch.maxQueueBytes, answerSetting: 'switch.maxQueueBytes' };
    const { queue } = service;
    const tell = (level: 'info' | 'warn', what: string, text: string): void =>
      report(level, `${queue} ${what}`, { queue, socket: path }, text);
    const observer = {
      joined: () => tell('info', 'joined', `${queue} is served on the switch at ${path}`),
      lost: (reason: string) => tell('warn', 'lost', `the switch at ${path} is away: ${reason}`),
      refused: (reason: string) => tell('warn', 'refused', `a reply was refused by the switch: ${reason}`),
    };
    const where = { path, ...limit, timeouts: USUAL_TIMEOUTS, observer, now };
    const joined = joinSwitch({ ...where, ...this.#answering(service) });
    this.#joined.add(joined);
    return {
      stop: async () => {
        await joined.stop();
        this.#joined.delete(joined);
      },
    };
  }

  /** How a service answers on its queue of a switch. */
  #answering(service: Service): Omit<QueueServiceOptions, 'host'> {
    const { queue } = service;
    const limits = this.#limits();
    const { rpc, refusals } = this.#options;
    const refused = refusedOn(rpc, refusals, queue);
    const answers = jsonAnswers(service, limits, keeping(writeJson));
    const { timelines, now } = this.#options;
    const arrivals = new WeakMap<Taken, Arrival>();
    const answer = (payload: Buffer, message: Taken): string | Promise<string> => {
      const { id, time: accepted } = message;
      const arrival = { message: `${id.queue}.${id.id}`, accepted, fetched: now() };
      const value = parseJsonBytes(payload, limits);
      arrivals.set(message, arrival);
      if (!(value instanceof JsonFailure)) return answers(value, arrival);
      refused('switch', value.reason);
      return unreadable(value.reason);
    };
    const replied = (message: Taken): void => {
      const arrival = arrivals.get(message);
      if (arrival !== undefined) timelines.replied(arrival);
    };
    const token = `datapathd:${process.pid}`;
    return { queue, token, answer, replied, refusal: unreadable, maxConcurrent: MAX_CONCURRENT };
  }

  #limits(): RpcLimits {
    return this.#options.config.sockets;
  }
}
