import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { type Connection, connect } from '../../src/xenstore/connection.ts';
import { XenstoreError } from '../../src/xenstore/errors.ts';
import { type SrPublisher, startSrPublisher } from '../../src/xenstore/publisher.ts';
import { startEmbedded } from '../helpers/embedded.ts';
import { PATIENCE, SR_PATH, STORES, startView, until } from '../helpers/view.ts';
import { CLIENT_OPTIONS, KINDS, startXenstored, type Xenstored } from '../helpers/xenstored.ts';

/** What is attached through us is in xenstore, whatever happens to it; and nothing of others is touched. */

const PLUGIN = 'org.xen.xapi.storage.mine';
const uuidOf = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
const sr = (number: number, plugin = PLUGIN) => ({ uuid: uuidOf(number), plugin });
const nodeOf = (number: number): string => `/local/domain/0/${SR_PATH}/${uuidOf(number)}`;

interface Options {
  readonly timeout?: number;
  readonly wrap?: (connection: Connection) => Connection;
}

function publisherOn(
  t: TestContext,
  socket: string,
  { timeout = 600_000, wrap = (same) => same }: Options = {},
): SrPublisher {
  const publisher = startSrPublisher({
    connect: async (onEvent) => wrap(await connect({ ...CLIENT_OPTIONS, path: socket, onEvent })),
    srPath: SR_PATH,
    timeout,
    logger: pino({ level: 'silent' }),
    now: () => Date.now(),
  });
  t.after(() => publisher.stop());
  return publisher;
}

/** The plugin of an SR in the store, if both of its keys are there. */
async function pluginOf(client: Connection, number: number): Promise<string | undefined> {
  const uuid = await client.readText(`${nodeOf(number)}/uuid`);
  return uuid === uuidOf(number) ? client.readText(`${nodeOf(number)}/plugin`) : undefined;
}

const isThere = async (client: Connection, number: number): Promise<boolean> =>
  (await client.directory(`/local/domain/0/${SR_PATH}`)).includes(uuidOf(number));

for (const { name, start } of STORES) {
  test(`${name} - an SR is in the store when publishing has settled, and gone when removing has`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const publisher = publisherOn(t, store.socket);
    await publisher.publish(sr(1));
    assert.equal(await pluginOf(client, 1), PLUGIN);
    await publisher.remove(uuidOf(1));
    assert.equal(await isThere(client, 1), false);
  });

  test(`${name} - another's view has a published SR at once`, async (t) => {
    const store = await start(t);
    const view = startView(t, store.socket);
    await view.settled(PATIENCE);
    const publisher = publisherOn(t, store.socket);
    await publisher.publish(sr(1));
    await until(view, () => view.get(uuidOf(1))?.plugin === PLUGIN);
    await publisher.remove(uuidOf(1));
    await until(view, () => view.get(uuidOf(1)) === undefined);
  });

  test(`${name} - nobody sees the half of an SR`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const publisher = publisherOn(t, store.socket);
    const halves: string[] = [];
    const writers = Array.from({ length: 50 }, (_, number) => publisher.publish(sr(number)));
    for (let look = 0; look < 50; look += 1) {
      await client.transaction(async (tx) => {
        for (const uuid of await client.directory(`/local/domain/0/${SR_PATH}`, tx).catch(() => [])) {
          const keys = await client.directory(`/local/domain/0/${SR_PATH}/${uuid}`, tx);
          if (keys.length !== 2) halves.push(uuid);
        }
      });
    }
    await Promise.all(writers);
    assert.deepEqual(halves, []);
  });

  test(`${name} - a transaction that another gets in the way of is run again, on what is there then`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    let attempts = 0;
    const publisher = publisherOn(t, store.socket, {
      wrap: (connection) => {
        const directory = connection.directory.bind(connection);
        connection.directory = async (path, tx) => {
          attempts += 1;
          const names = await directory(path, tx);
          await client.write(`${nodeOf(1)}/plugin`, "another's");
          return names;
        };
        return connection;
      },
    });
    await publisher.publish(sr(1));
    await publisher.remove(uuidOf(1));
    assert.equal(attempts, 1);
    assert.equal(await pluginOf(client, 1), "another's");
  });

  test(`${name} - what another writes in the middle of a transaction is written over`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    let others = 0;
    const publisher = publisherOn(t, store.socket, {
      wrap: (connection) => {
        const write = connection.write.bind(connection);
        connection.write = async (path, value, tx) => {
          await write(path, value, tx);
          if (path.endsWith('/plugin') && others === 0) {
            others += 1;
            await client.write(`${nodeOf(1)}/plugin`, "another's");
          }
        };
        return connection;
      },
    });
    await publisher.publish(sr(1));
    assert.equal(others, 1);
    assert.equal(await pluginOf(client, 1), PLUGIN);
  });

  test(`${name} - an SR that stands there with another's plugin is not removed`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const publisher = publisherOn(t, store.socket);
    await publisher.publish(sr(1));
    await client.write(`${nodeOf(1)}/plugin`, "another's");
    await publisher.remove(uuidOf(1));
    assert.equal(await pluginOf(client, 1), "another's");
    await client.write(`${nodeOf(2)}/uuid`, uuidOf(2));
    await client.write(`${nodeOf(2)}/plugin`, PLUGIN);
    await publisher.remove(uuidOf(2));
    assert.equal(await pluginOf(client, 2), PLUGIN);
  });

  test(`${name} - keys that others put beside ours stay`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const publisher = publisherOn(t, store.socket);
    await publisher.publish(sr(1));
    await client.write(`${nodeOf(1)}/theirs`, 'x');
    await publisher.remove(uuidOf(1));
    assert.deepEqual(await client.directory(nodeOf(1)), ['theirs']);
  });

  test(`${name} - of an earlier run, only what it has published is removed`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    for (const number of [1, 2, 3, 4]) {
      await client.write(`${nodeOf(number)}/uuid`, uuidOf(number));
      await client.write(`${nodeOf(number)}/plugin`, number === 3 ? "another's" : PLUGIN);
    }
    const publisher = publisherOn(t, store.socket);
    await publisher.replaceAll({ attached: [sr(1), sr(5)], gone: [sr(2), sr(3)] });
    assert.equal(await pluginOf(client, 1), PLUGIN);
    assert.equal(await isThere(client, 2), false);
    assert.equal(await pluginOf(client, 3), "another's");
    assert.equal(await pluginOf(client, 4), PLUGIN);
    assert.equal(await pluginOf(client, 5), PLUGIN);
    await publisher.replaceAll({ attached: [sr(5)], gone: [] });
    assert.equal(await isThere(client, 1), false);
  });

  test(`${name} - one SR that the store refuses does not hold up the others, and its caller is told`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const publisher = publisherOn(t, store.socket);
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    const calls = await Promise.allSettled(
      numbers.map((number) => publisher.publish(number === 7 ? sr(7, 'x'.repeat(5000)) : sr(number))),
    );
    assert.deepEqual(
      numbers.filter((number) => calls[number]?.status === 'rejected'),
      [7],
    );
    for (const number of [0, 6, 8, 19]) assert.equal(await pluginOf(client, number), PLUGIN);
    assert.match(publisher.report().lastTrouble ?? '', new RegExp(`${uuidOf(7)}.*E2BIG`));
    await publisher.publish(sr(7));
    assert.equal(await pluginOf(client, 7), PLUGIN);
  });

  test(`${name} - of calls for one SR the last one holds, and all of them settle`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const publisher = publisherOn(t, store.socket);
    await Promise.all([
      publisher.publish(sr(1, 'first')),
      publisher.remove(uuidOf(1)),
      publisher.publish(sr(1, 'last')),
      publisher.publish(sr(2)),
      publisher.remove(uuidOf(2)),
    ]);
    assert.equal(await pluginOf(client, 1), 'last');
    assert.equal(await isThere(client, 2), false);
    assert.deepEqual(
      { ...publisher.report(), store: '' },
      { store: '', srs: 1, waiting: 0, lastTrouble: undefined },
    );
  });

  test(`${name} - a publisher that is stopped leaves what it has published`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const publisher = publisherOn(t, store.socket);
    await publisher.publish(sr(1));
    await publisher.stop();
    assert.equal(await pluginOf(client, 1), PLUGIN);
    await assert.rejects(publisher.publish(sr(2)), /the publisher of SRs was stopped/);
  });
}

for (const kind of KINDS) {
  const on = (behaviour: string, run: (t: TestContext, store: Xenstored) => Promise<void>) =>
    test(`${kind} - ${behaviour}`, async (t) => run(t, await startXenstored(t, kind)));

  on('xenstored killed and empty again: all is published again', async (t, store) => {
    const view = startView(t, store.socket);
    const publisher = publisherOn(t, store.socket);
    const numbers = Array.from({ length: 250 }, (_, number) => number);
    await publisher.replaceAll({ attached: numbers.map((number) => sr(number)), gone: [] });
    await until(view, () => view.uuids().length === 250);
    await store.kill('SIGKILL');
    await until(view, () => publisher.report().store.type === 'away' && view.state.state === 'stale');
    await publisher.remove(uuidOf(300));
    const late = publisher.publish(sr(251));
    const gone = publisher.remove(uuidOf(3));
    await store.start();
    await Promise.all([late, gone]);
    await until(view, () => view.state.state === 'fresh' && view.uuids().length === 250);
    assert.equal(view.get(uuidOf(251))?.plugin, PLUGIN);
    assert.equal(view.get(uuidOf(3)), undefined);
    assert.equal(publisher.report().store.type, 'connected');
  });

  on(
    'a call in time of the store being away is told so, and is written when it is back',
    async (t, store) => {
      await store.kill('SIGKILL');
      const publisher = publisherOn(t, store.socket, { timeout: 20 });
      await assert.rejects(
        publisher.publish(sr(1)),
        /is not in xenstore after 20 ms, which is away: .*ETIMEDOUT/,
      );
      assert.equal(publisher.report().waiting, 1);
      await store.start();
      const view = startView(t, store.socket);
      await until(view, () => view.get(uuidOf(1)) !== undefined);
    },
  );

  on('ten thousand SRs are published', async (t, store) => {
    const publisher = publisherOn(t, store.socket);
    const attached = Array.from({ length: 10_000 }, (_, number) => sr(number));
    await publisher.replaceAll({ attached, gone: [] });
    const client = await store.connect();
    assert.equal((await client.directory(`/local/domain/0/${SR_PATH}`)).length, 10_000);
  });
}

test('a uuid that is none, and an SR without a plugin, are refused before anything is written', async (t) => {
  const publisher = publisherOn(t, '/nonexistent/socket');
  await assert.rejects(
    publisher.publish({ uuid: '../x', plugin: PLUGIN }),
    /uuid: expected 8-4-4-4-12.*got "\.\.\/x"/,
  );
  await assert.rejects(publisher.publish(sr(1, '')), /plugin of SR .*: expected a queue, got ""/);
  await assert.rejects(
    publisher.replaceAll({ attached: [], gone: [{ uuid: 'x', plugin: 'p' }] }),
    /uuid: expected/,
  );
  assert.equal(publisher.report().waiting, 0);
});

test('what is wanted anew while a transaction is under way is written behind it', async (t) => {
  const store = await startEmbedded(t);
  const client = await store.connect();
  let again: Promise<void> | undefined;
  const publisher = publisherOn(t, store.socket, {
    wrap: (connection) => {
      const write = connection.write.bind(connection);
      connection.write = (path, value, tx) => {
        again ??= publisher.publish(sr(1, 'last'));
        return write(path, value, tx);
      };
      return connection;
    },
  });
  await publisher.publish(sr(1, 'first'));
  assert.equal(await pluginOf(client, 1), 'last');
  await again;
  assert.equal(publisher.report().waiting, 0);
});

test('what is wanted anew is not refused for what was wanted before', async (t) => {
  const store = await startEmbedded(t);
  const client = await store.connect();
  let again: Promise<void> | undefined;
  const publisher = publisherOn(t, store.socket, {
    wrap: (connection) => {
      const write = connection.write.bind(connection);
      connection.write = async (path, value, tx) => {
        if (value !== 'refused') return write(path, value, tx);
        again = publisher.publish(sr(1, 'last'));
        throw new XenstoreError('EQUOTA', 'WRITE');
      };
      return connection;
    },
  });
  await publisher.publish(sr(1, 'refused'));
  await again;
  assert.equal(await pluginOf(client, 1), 'last');
});

test('what the store has refused is tried again until it takes it, with no call for it', async (t) => {
  const store = await startEmbedded(t);
  const view = startView(t, store.socket);
  let refusals = 0;
  const publisher = publisherOn(t, store.socket, {
    wrap: (connection) => {
      const write = connection.write.bind(connection);
      connection.write = async (path, value, tx) => {
        refusals += 1;
        if (refusals <= 4) throw new XenstoreError('EQUOTA', 'WRITE');
        return write(path, value, tx);
      };
      return connection;
    },
  });
  await assert.rejects(publisher.publish(sr(1)), /EQUOTA/);
  await until(view, () => view.get(uuidOf(1)) !== undefined);
  await until(view, () => publisher.report().waiting === 0);
});

test('calls that wait are let go when the publisher stops', async (t) => {
  const publisher = publisherOn(t, '/nonexistent/socket');
  const call = assert.rejects(publisher.publish(sr(1)), /the publisher of SRs was stopped/);
  await publisher.stop();
  await call;
});
