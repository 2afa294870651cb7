import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Service } from '../rpc/service.ts';
import type { Served } from './queues.ts';
import { listForXapi } from './xapi-directory.ts';

export interface VolumeQueuesOptions {
  readonly config: Config['sockets'];
  readonly logger: Logger;
  readonly service: (queue: string) => Service;
  /** Serves a queue, on its socket and on the switch. */
  readonly serve: (service: Service) => Promise<Served>;
  /** ms after which a queue that could not be served is tried again. */
  readonly retry: number;
}

/** The queues of the volume plugins, which come and go with them. */
export class VolumeQueues {
  readonly #options: VolumeQueuesOptions;
  readonly #served = new Map<string, Promise<Served>>();
  /** Queues that are no more served, until the calls on them are answered. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Queues that can't be served, with the reason. */
  readonly #failed = new Map<string, string>();
  #stopping = false;

  constructor(options: VolumeQueuesOptions) {
    this.#options = options;
  }

  /** The queues that can't be served though their plugins are there, with the reason. */
  get failed(): ReadonlyMap<string, string> {
    return this.#failed;
  }

  /**
   * Serves a queue. One that was left before is served again when the calls of then are answered: its messages that are
   * under way are not acked yet, and would be given to whoever serves the queue now, to be carried out a second time.
   */
  appeared(queue: string): void {
    if (this.#stopping || this.#served.has(queue)) return;
    const { logger } = this.#options;
    const left = this.#leaving.get(queue);
    if (left !== undefined)
      logger.info({ queue }, 'a plugin is back: its queue is served when the calls from before are answered');
    const served = this.#serve(queue, left);
    this.#served.set(queue, served);
    served.then(
      () => this.#succeeded(queue),
      ({ message }: Error) => {
        if (this.#served.get(queue) === served) this.#fail(queue, message);
      },
    );
  }

  vanished(queue: string): void {
    this.#failed.delete(queue);
    const served = this.#served.get(queue);
    if (served === undefined) return;
    const { logger } = this.#options;
    const left = this.#leave(queue, served)
      .then(() => logger.info({ queue }, 'a queue is no more served'))
      .finally(() => {
        if (this.#leaving.get(queue) === left) this.#leaving.delete(queue);
      });
    this.#leaving.set(queue, left);
  }

  #succeeded(queue: string): void {
    if (this.#failed.delete(queue)) this.#options.logger.info({ queue }, 'a queue can be served again');
  }

  /** What is in the way may go: it is tried again, and told of once. */
  #fail(queue: string, reason: string): void {
    const { logger, retry } = this.#options;
    this.#served.delete(queue);
    if (this.#failed.get(queue) !== reason) logger.error({ queue, reason }, 'a queue can not be served');
    this.#failed.set(queue, reason);
    setTimeout(() => {
      if (this.#failed.has(queue)) this.appeared(queue);
    }, retry).unref();
  }

  /** Settles when all that have appeared are served. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#served.values());
  }

  /** Serves no more; settles when the calls under way are answered. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const served = [...this.#served].map(([queue, each]) => this.#leave(queue, each));
    await Promise.all([...served, ...this.#leaving.values()]);
  }

  /** Settles when the calls under way are answered. */
  async #leave(queue: string, served: Promise<Served>): Promise<void> {
    this.#served.delete(queue);
    try {
      await (await served).stop();
    } catch (error) {
      this.#options.logger.error({ queue, err: error }, 'a queue can not be left');
    }
  }

  /** A queue, and its socket where xapi looks for it; nothing, when the end comes while the calls from before are waited for. */
  async #serve(queue: string, left: Promise<void> | undefined): Promise<Served> {
    await left;
    if (this.#stopping) return { stop: async () => {} };
    const { config, service, serve, logger } = this.#options;
    const { directory, xapiDirectory } = config;
    const served = await serve(service(queue));
    if (xapiDirectory === '') return served;
    const unlist = await listForXapi(xapiDirectory, queue, join(directory, queue)).catch((error: Error) => {
      logger.warn({ queue, reason: error.message }, 'a socket can not be listed in sockets.xapiDirectory');
    });
    return {
      stop: async () => {
        await unlist?.();
        await served.stop();
      },
    };
  }
}
