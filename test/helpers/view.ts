import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { type Connection, connect } from '../../src/xenstore/connection.ts';
import type { EventListener } from '../../src/xenstore/requests.ts';
import { type SrView, startSrView } from '../../src/xenstore/view.ts';
import { startEmbedded } from './embedded.ts';
import { CLIENT_OPTIONS, KINDS, type Kind, startXenstored, type Xenstored } from './xenstored.ts';

export const SR_PATH = 'xapi/storage/sr';

/** Waits as long as the test may. */
export const PATIENCE = { startTimeout: 600_000, settleTimeout: 600_000 };

/** Every store that there is. */
export const STORES = [
  ...KINDS.map((kind) => ({ name: kind, start: (t: TestContext) => startXenstored(t, kind) })),
  { name: 'embedded', start: (t: TestContext) => startEmbedded(t) },
];

/** Makes tests that each run on a xenstored of the kind, with a client of it. */
export const testsOn =
  (kind: Kind) =>
  (behaviour: string, run: (t: TestContext, store: Xenstored, client: Connection) => Promise<void>): void => {
    test(`${kind} - ${behaviour}`, async (t) => {
      const store = await startXenstored(t, kind);
      await run(t, store, await store.connect());
    });
  };

export interface ViewOptions {
  readonly driverDomains?: readonly string[];
  readonly requestTimeout?: number;
  readonly maxBackends?: number;
  readonly maxBackendBytes?: number;
  /** Sees the connection before the view does. */
  readonly wrap?: (connection: Connection) => Connection;
}

export function startView(t: TestContext, socket: string, options: ViewOptions = {}): SrView {
  const {
    driverDomains = [],
    requestTimeout = CLIENT_OPTIONS.requestTimeout,
    maxBackends = 50_000,
    maxBackendBytes = 8192,
    wrap = (connection) => connection,
  } = options;
  const view = startSrView({
    connect: async (onEvent: EventListener) =>
      wrap(await connect({ ...CLIENT_OPTIONS, requestTimeout, path: socket, onEvent })),
    srPath: SR_PATH,
    driverDomains,
    maxBackends,
    maxBackendBytes,
    logger: pino({ level: 'silent' }),
    now: () => Date.now(),
  });
  t.after(() => view.stop());
  return view;
}

/** Settles when the condition holds; it is looked at after every change of the view. */
export function until(view: SrView, condition: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    if (!condition()) return;
    off();
    clearInterval(again);
    resolve();
  };
  const off = view.onChange(look);
  // States that are no change of what is shown are looked for, too.
  const again = setInterval(look, 10);
  look();
  return promise;
}

/** Wraps connections so that every read of a key waits until `held` settles, if it gives anything. */
export const holding =
  (held: () => Promise<void> | undefined) =>
  (connection: Connection): Connection => {
    const readText = connection.readText.bind(connection);
    connection.readText = async (...read) => {
      await held();
      return readText(...read);
    };
    return connection;
  };

/** Wraps connections so that the paths that are asked for come into a list. */
export const recording =
  (asked: string[]) =>
  (connection: Connection): Connection =>
    new Proxy(connection, {
      get: (target, property) => {
        const method: unknown = Reflect.get(target, property, target);
        if (typeof method !== 'function') return method;
        return (...words: unknown[]) => {
          asked.push(String(words[0]));
          return method.apply(target, words);
        };
      },
    });
