import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FollowerLimits, Followers } from '../../src/admin/followers.ts';
import type { Facts } from '../../src/admin/page/facts.ts';
import type { TraceEvent } from '../../src/switch/protocol.ts';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { connectHttp, login, request } from '../switch/helpers.ts';
import { readStream } from './stream.ts';

/** Who follows, and what it costs: with a clock and readers that the test holds. */

const LIMITS: FollowerLimits = {
  maxFollowers: 2,
  interval: 100,
  maxEvents: 3,
  maxUnsentBytes: 1000,
  slowReaderTimeout: 5000,
};

const event = (number: number): TraceEvent => ({
  number,
  time: 0,
  queue: 'q',
  input: 'me',
  output: undefined,
  what: { type: 'ack', id: { queue: 'q', id: number } },
  processingTime: undefined,
});

interface Reader {
  /** The names of the events that came since the last look, those of the trace with what was lost and their numbers. */
  came(): string[];
  unsent: number;
  isClosed: boolean;
  stop(): void;
}

interface World {
  readonly events: TraceEvent[];
  asked: number;
  time: number;
  version: string;
  join(): Reader;
  /** Lets time pass to the next message. */
  pass(ms?: number): void;
}

function world(t: TestContext): World {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const state: World = {
    events: [],
    asked: 0,
    time: 0,
    version: '1',
    join: () => readerOf(followers),
    pass: (ms = 1000) => {
      state.time += ms;
      t.mock.timers.tick(ms);
    },
  };
  const facts = (): Facts => {
    state.asked += 1;
    const about = {
      version: state.version,
      host: 'h',
      pid: 1,
      started: 0,
      mode: 'serve',
      storage: false,
    } as const;
    const none = { rows: [], all: 0 };
    return {
      ...{ about, plugins: none, limits: [] },
      health: {
        reasons: [],
        view: undefined,
        late: { median: 0, p99: 0, max: 0 },
        memory: { resident: 0, heap: 0 },
      },
      queues: { ...none, sessions: 0, messages: 0, bytes: 0, joined: [] },
      storage: { srs: none, datapaths: none, trouble: undefined },
    };
  };
  const trace = (from: number): TraceEvent[] => {
    state.asked += 1;
    return state.events.filter(({ number }) => number >= from);
  };
  const followers = new Followers({ limits: LIMITS, facts, trace, now: () => state.time });
  return state;
}

function readerOf(followers: Followers): Reader {
  const answer = followers.answer({});
  let text = '';
  if (answer.type === 'whole') text = answer.body;
  const reader: Reader = {
    came: () => {
      const names = [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, name = '', data = '']) => {
        if (name !== 'trace') return name;
        const { lost, events } = JSON.parse(data);
        return `trace lost ${lost}: ${events.map(({ n }: { n: number }) => n)}`;
      });
      text = '';
      return names;
    },
    unsent: 0,
    isClosed: false,
    stop: () => {},
  };
  if (answer.type === 'stream') {
    reader.stop = answer.follow({
      send: (more) => {
        text += more;
      },
      get unsent() {
        return reader.unsent;
      },
      close: () => {
        reader.isClosed = true;
      },
    });
  }
  return reader;
}

const PARTS = ['about', 'plugins', 'limits', 'health', 'queues', 'storage'];

test('nothing is put together while nobody looks', (t) => {
  const here = world(t);
  here.pass(60_000);
  assert.equal(here.asked, 0);
  const reader = here.join();
  here.pass();
  assert.ok(here.asked >= 2);
  reader.stop();
  const before = here.asked;
  here.pass(60_000);
  assert.equal(here.asked, before);
});

test('a page is told all parts first, and then those that have changed', (t) => {
  const here = world(t);
  const reader = here.join();
  assert.deepEqual(reader.came(), [...PARTS, 'tick']);
  here.pass();
  assert.deepEqual(new Set(reader.came()), new Set(['tick']));
  here.version = '2';
  here.pass();
  assert.deepEqual(reader.came().slice(0, 2), ['about', 'tick']);
});

test('a page gets the last events that there are, and each one after them once', (t) => {
  const here = world(t);
  here.events.push(...[0, 1, 2, 3, 4].map(event));
  const reader = here.join();
  assert.deepEqual(reader.came().slice(6), ['trace lost 0: 2,3,4', 'tick']);
  here.events.push(event(5));
  here.pass();
  assert.deepEqual(
    reader.came().filter((name) => name !== 'tick'),
    ['trace lost 0: 5'],
  );
  const second = here.join();
  assert.deepEqual(second.came().slice(6), ['trace lost 0: 3,4,5', 'tick']);
});

test('more events than are told at once are counted as lost, the newest are told', (t) => {
  const here = world(t);
  here.events.push(event(0));
  const reader = here.join();
  reader.came();
  here.events.push(...[1, 2, 3, 4, 5, 6].map(event));
  here.pass();
  assert.deepEqual(
    reader.came().filter((name) => name !== 'tick'),
    ['trace lost 3: 4,5,6'],
  );
});

test('a reader that takes nothing is sent nothing, and is told what it has lost when it takes again', (t) => {
  const here = world(t);
  here.events.push(event(0));
  const [slow, quick] = [here.join(), here.join()];
  slow.came();
  quick.came();
  slow.unsent = 1001;
  for (let number = 1; number <= 6; number += 1) {
    here.events.push(event(number));
    here.pass(200);
  }
  assert.deepEqual(slow.came(), []);
  const got = quick.came().filter((name) => name !== 'tick');
  assert.deepEqual(
    got,
    [1, 2, 3, 4, 5, 6].map((number) => `trace lost 0: ${number}`),
  );
  slow.unsent = 0;
  here.pass();
  assert.deepEqual(
    slow.came().filter((name) => name !== 'tick'),
    ['trace lost 3: 4,5,6'],
  );
  assert.ok(!slow.isClosed);
});

test('a reader that takes nothing for too long is closed', (t) => {
  const here = world(t);
  const reader = here.join();
  reader.unsent = 5000;
  here.pass(4000);
  assert.ok(!reader.isClosed);
  for (let passed = 0; passed < 30; passed += 1) here.pass(200);
  assert.ok(reader.isClosed);
});

test('one page more than there may be is told so, and may come when another has gone', (t) => {
  const here = world(t);
  const [first] = [here.join(), here.join()];
  const third = here.join();
  assert.deepEqual(third.came(), ['refused']);
  first.stop();
  assert.deepEqual(here.join().came(), [...PARTS, 'tick']);
});

test('a reader that stands still holds up no message, and is told what it has lost', async (t) => {
  const daemon = await startDaemonProcess(t, {
    flags: [
      ...['--storage.enabled=false', '--admin.interval=1ms', '--admin.maxUnsentBytes=16KiB'],
      // However long all is under way, it is not closed for being slow.
      '--admin.slowReaderTimeout=1h',
    ],
  });
  const follower = await connectHttp(t, daemon.switchSocket);
  const stream = await readStream(follower);
  await stream.until(/event: tick/);
  follower.socket.pause();
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/persistent/q');
  const payload = JSON.stringify({ method: 'x'.repeat(900) });
  for (let sent = 0; sent < 3000; sent += 1) {
    assert.match(await client.text('POST', '/request/q/reply', payload), /^\[\["q",/);
  }
  follower.socket.resume();
  const text = await stream.until(/"lost":[1-9]/);
  assert.match(text, /"lost":[1-9][0-9]*,"events"/);
});

test('a peer that has sent all it wants gets what there is, and the end of the stream', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  const client = await connectHttp(t, daemon.switchSocket);
  client.send(request('GET', '/admin/events'));
  client.end();
  assert.match(
    (await client.receiveAll()).toString(),
    /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream\r\n/,
  );
});
