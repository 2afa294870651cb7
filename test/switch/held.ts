import type { TestContext } from 'node:test';
import { Broker } from '../../src/switch/broker.ts';
import { keepInMemory, type SwitchClient, SwitchHost } from '../../src/switch/host.ts';
import type { In } from '../../src/switch/protocol.ts';
import { stopClock } from '../helpers/clock.ts';
import { LIMITS } from './helpers.ts';

export interface Held {
  readonly host: SwitchHost;
  /** What the broker was asked. */
  readonly decided: In[];
  /** Lets time pass. */
  tick(ms: number): void;
  /** A client that is logged in. */
  client(): SwitchClient;
}

/** A host whose clock stands still until the test moves it. */
export function held(t: TestContext, queues: readonly string[] = ['q']): Held {
  const { pass } = stopClock(t);
  let clock = 1_000_000;
  const broker = new Broker(LIMITS, clock);
  const decided: In[] = [];
  const decide = broker.decide.bind(broker);
  broker.decide = (connection, request, now) => {
    decided.push(request);
    return decide(connection, request, now);
  };
  const host = new SwitchHost({ broker, now: () => clock, commit: keepInMemory, shutdown: () => {} });
  const client = (): SwitchClient => {
    const connected = host.connect();
    connected.perform({ type: 'login', token: 'me' });
    return connected;
  };
  const creator = client();
  for (const queue of queues) creator.perform({ type: 'create', queue, lifetime: 'persistent' });
  decided.length = 0;
  const tick = (ms: number): void => {
    clock += ms;
    pass(ms);
  };
  return { host, decided, tick, client };
}
