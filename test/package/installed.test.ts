import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { before, test } from 'node:test';
import { SHELL } from '../pages/markdown.ts';
import { ON_DEBIAN } from '../pages/runs.ts';
import { claims } from '../pages/steps.ts';
import { Book } from '../torture/book.ts';
import { connectTorture } from '../torture/client.ts';
import { sender, transfer, type Worker } from '../torture/workers.ts';
import { bootDebian, type Debian } from './debian.ts';
import { FIRST, NEXT, PACKAGES_FOLDER, packagesOf } from './packages.ts';

/** Only root can boot a system. */
const IS_ROOT = process.getuid?.() === 0;

const ask = (method: string): string =>
  `echo '{"method":"${method}","params":[{"dbg":"me"}],"id":1}' | socat -t30 - UNIX-CONNECT:/run/datapathd/org.xen.xapi.datapath`;

/** All files but what systemd, dpkg and the journal write for themselves. */
const LIST = `find / -xdev -not -path '/var/log/*' -not -path '/var/lib/systemd/*' -not -path '/var/lib/dpkg/*-old' -not -path '/tmp/*' \
  -not -path '/var/cache/ldconfig/*' | sort; find /run -maxdepth 1 -name '*datapathd*'; find /var/lib/dpkg/info -name '*datapathd*'`;

const install = (deb: string): string => `dpkg -i /packages/${basename(deb)} 2>&1`;

if (IS_ROOT) {
  let first = '';
  let next = '';
  before(async () => {
    [first = '', next = ''] = [...(await packagesOf(FIRST)), ...(await packagesOf(NEXT))].filter((path) =>
      path.endsWith('.deb'),
    );
  });

  test('installed on a bare Debian, it starts when it is told, and answers', async (t) => {
    const debian = await bootDebian(t, PACKAGES_FOLDER);
    await debian.run(install(first));
    const states = 'systemctl is-active datapathd || systemctl is-enabled datapathd || true';
    assert.equal(await debian.run(states), 'inactive\ndisabled\n');
    await debian.run('systemctl enable --now datapathd');
    const answer = JSON.parse(await debian.run(ask('Plugin.Query')));
    assert.equal(answer.result.name, 'datapathd');
    assert.equal(await debian.run('datapathd --version; datapathctl --version'), `${FIRST}\n${FIRST}\n`);
    assert.match(await debian.run('datapathctl list --all'), /org\.xen\.xapi\.datapath/);
    assert.equal(await debian.run('datapathd --check-config'), 'the configuration is sound\n');
  });

  test('it is installed, started and upgraded by the commands of the pages', async (t) => {
    const debian = await bootDebian(t, PACKAGES_FOLDER);
    for (const block of SHELL.filter((each) => ON_DEBIAN.some((claim) => claims(claim, each)))) {
      await debian.run(`cd /packages\n${block.text}`);
      const [, version] = /_([0-9.]+)-/.exec(block.text) ?? [];
      assert.equal(await runningVersion(debian), version, `${block.page}:${block.line}`);
    }
  });

  test('an upgrade while messages are sent and wait loses none of them', async (t) => {
    const debian = await bootDebian(t, PACKAGES_FOLDER);
    await debian.run(install(first));
    await debian.run('systemctl enable --now datapathd.socket datapathd');
    const book = new Book(true);
    const socket = `${debian.root}/run/datapathd/switch.sock`;
    const client = await connectTorture(socket, 'test');
    await client.ask('GET', '/persistent/waiting');
    for (const number of [0, 1, 2]) {
      const payload = `before:${number}`;
      const { body } = await client.ask('POST', '/request/waiting/nobody', payload);
      const [[, id] = []] = JSON.parse(body);
      book.accepted({ queue: 'waiting', id, payload });
    }
    // Fetched, and not acked.
    assert.equal((await transfer(client, 'waiting', '-1')).length, 3);
    const load = keepSending(socket, book);
    await load.working;
    await debian.run(install(next));
    await load.stop();
    assert.equal(await debian.run('datapathd --version'), `${NEXT}\n`);
    assert.equal(await runningVersion(debian), NEXT);

    const after = await connectTorture(socket, 'after');
    const held = [];
    for (let from = '-1'; ; from = `${held.at(-1)?.id}`) {
      const messages = await transfer(after, 'waiting', from);
      if (messages.length === 0) break;
      held.push(...messages);
    }
    book.compare(held);
    assert.deepEqual(book.faults, []);
    assert.ok(load.rounds() > 1, 'the restart was not noticed');
    client.close();
    after.close();
  });

  test('an upgrade that brings other settings asks what becomes of changed ones, unless it is told before', async (t) => {
    const debian = await bootDebian(t, PACKAGES_FOLDER);
    await debian.run(`dpkg-deb -R /packages/${basename(next)} /tmp/next
echo '# Another default.' >> /tmp/next/etc/datapathd/datapathd.toml
dpkg-deb -Znone -b /tmp/next /tmp/next.deb`);
    await debian.run(install(first));
    const settings = '/etc/datapathd/datapathd.toml';
    await debian.run(`echo '[log]\nlevel = "debug"' > ${settings}; systemctl start datapathd`);
    const { status, stderr } = await debian.attempt('dpkg -i /tmp/next.deb');
    assert.notEqual(status, 0);
    assert.match(stderr, /end of file on stdin at conffile prompt/);
    assert.equal(await runningVersion(debian), FIRST);
    await debian.run('dpkg --force-confold -i /tmp/next.deb 2>&1');
    assert.equal(await runningVersion(debian), NEXT);
    assert.equal(await debian.run(`cat ${settings}`), '[log]\nlevel = "debug"\n');
  });

  test('a purge leaves nothing of it, and a removal what it has accepted', async (t) => {
    const debian = await bootDebian(t, PACKAGES_FOLDER);
    const before = await debian.run(LIST);
    await debian.run(install(first));
    await debian.run('systemctl enable --now datapathd.socket datapathd');
    await debian.run(
      'echo log.level = \\"debug\\" > /etc/datapathd/datapathd.toml; systemctl restart datapathd',
    );
    await debian.run(ask('Plugin.ls'));
    await debian.run('dpkg -r datapathd 2>&1');
    assert.equal(
      await debian.run(
        'ls -d /var/lib/datapathd /etc/datapathd/* /etc/systemd/system/*.wants/datapathd* || true',
      ),
      '/etc/datapathd/datapathd.toml\n/var/lib/datapathd\n',
    );
    assert.equal((await debian.attempt('systemctl is-active datapathd')).stdout, 'inactive\n');
    await debian.run('dpkg -P datapathd 2>&1');
    assert.equal(await debian.run(LIST), before);
  });
}

/** Sends to the queue, one connection after the other when they end, until it is stopped. */
function keepSending(socket: string, book: Book) {
  let isStopped = false;
  let rounds = 0;
  let number = 0;
  let current: Worker | undefined;
  const working = Promise.withResolvers<void>();
  const next = (): number => {
    // The first was answered.
    if (number === 1) working.resolve();
    return number++;
  };
  const run = async (): Promise<void> => {
    while (!isStopped) {
      current = sender(socket, 'waiting', 'load', next, book);
      rounds += 1;
      await current.ended;
    }
  };
  const ended = run();
  return {
    working: working.promise,
    rounds: () => rounds,
    stop: async () => {
      isStopped = true;
      current?.stop();
      await ended;
    },
  };
}

async function runningVersion(debian: Debian): Promise<string> {
  const { result } = JSON.parse(await debian.run(ask('Plugin.diagnostics')));
  const [, version = result] = /version ([0-9.]+),/.exec(result) ?? [];
  return version;
}
