import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DaemonProcess, MAIN, spawnDaemon, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { forwardTo, goTo, openPage } from './browser.ts';

/** The page over TCP: who is let in, and where the token is to be seen. */

const TOKEN = 'a-token-of-a-test_0123456789';
const LISTEN = ['--storage.enabled=false', '--admin.listen=127.0.0.1:0'];

function tokenFile(t: TestContext, text = `${TOKEN}\n`, mode = 0o600): string {
  const file = join(tempDirectory(t), 'token');
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
  return file;
}

async function started(t: TestContext): Promise<{ daemon: DaemonProcess; address: string }> {
  const daemon = await startDaemonProcess(t, { flags: [...LISTEN, `--admin.tokenFile=${tokenFile(t)}`] });
  return { daemon, address: await addressOf(daemon) };
}

/** The port was chosen by the system, and is told. */
async function addressOf(daemon: DaemonProcess): Promise<string> {
  const { address } = await daemon.logged(({ msg }) => msg === 'the page is answered over TCP');
  return String(address);
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  readonly cookie: string | undefined;
  readonly location: string | undefined;
}

const ask = (
  address: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    get(`http://${address}${path}`, { headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      const [cookie] = response.headers['set-cookie'] ?? [];
      const { statusCode: status } = response;
      response.on('end', () => resolve({ status, text, cookie, location: response.headers.location }));
    }).on('error', reject);
  });

test('the token in the URL becomes a cookie, and is in no address any more', async (t) => {
  const { daemon, address } = await started(t);
  const { page, complaints, asked } = await openPage(t, `http://${address}/admin/?token=${TOKEN}`);
  await page.getByRole('status').getByText('live').waitFor();
  assert.equal(page.url(), `http://${address}/admin/`);
  assert.equal(await page.evaluate('document.cookie'), '');
  await page.reload();
  await page.getByRole('status').getByText('live').waitFor();
  // Of all that was asked, the first alone had it.
  assert.equal(asked.filter((url) => url.includes(TOKEN)).length, 1);
  assert.deepEqual(complaints, []);
  assert.ok(!JSON.stringify(daemon.log).includes(TOKEN));
});

test('a page that is open when the daemon gets another token says so', async (t) => {
  const token = tokenFile(t);
  const flags = [...LISTEN, `--admin.tokenFile=${token}`];
  const daemon = await startDaemonProcess(t, { flags });
  let address = await addressOf(daemon);
  const base = await forwardTo(t, () => connect(Number(address.split(':')[1]), '127.0.0.1'));
  const { page } = await openPage(t, `${base}/admin/?token=${TOKEN}`);
  const status = page.getByRole('status');
  await status.getByText('live').waitFor();
  await stop(daemon);
  writeFileSync(token, TOKEN.toUpperCase());
  const next = await startDaemonProcess(t, { directory: daemon.directory, flags });
  address = await addressOf(next);
  await status.getByText('it has another one since the daemon was started anew').waitFor();
});

test('the cookie is for this page alone, and for no script and no other site', async (t) => {
  const { address } = await started(t);
  const { status, cookie = '', location } = await ask(address, `/admin/?token=${TOKEN}`);
  assert.deepEqual([status, location], [303, '/admin/']);
  const port = address.split(':')[1];
  assert.match(
    cookie,
    new RegExp(`^datapathd-admin-${port}=[\\w-]{43}; Path=/admin; HttpOnly; SameSite=Strict$`),
  );
  assert.ok(!cookie.includes(TOKEN));
  const [pair = ''] = cookie.split(';');
  assert.equal((await ask(address, '/admin/', { cookie: pair })).status, 200);
  assert.equal((await ask(address, '/metrics', { cookie: pair })).status, 404);
});

test('without the token, with a wrong one or a wrong cookie nothing is shown', async (t) => {
  const { daemon, address } = await started(t);
  const port = address.split(':')[1];
  for (const [path, headers, status] of [
    ['/admin/', {}, 401],
    ['/admin/main.js', {}, 401],
    ['/admin/events', {}, 401],
    ['/', {}, 401],
    ['/admin/?token=', {}, 403],
    [`/admin/?token=${TOKEN}x`, {}, 403],
    [`/admin/?token=${TOKEN.slice(0, -1)}`, {}, 403],
    ['/admin/', { cookie: `datapathd-admin-${port}=${TOKEN}` }, 403],
    ['/admin/', { cookie: `datapathd-admin-1=${TOKEN}` }, 401],
  ] as const) {
    const answer = await ask(address, path, headers);
    assert.equal(answer.status, status, `${path} ${JSON.stringify(headers)}`);
    assert.match(answer.text, /token/);
    assert.equal(answer.cookie, undefined);
  }
  await daemon.logged(({ msg }) => msg === 'somebody is not let in to the page');
  assert.ok(!JSON.stringify(daemon.log).includes(TOKEN));
});

test('another host name or another origin is refused, also with the token', async (t) => {
  const { address } = await started(t);
  const path = `/admin/?token=${TOKEN}`;
  assert.equal((await ask(address, path, { host: 'evil.example:9156' })).status, 403);
  assert.equal((await ask(address, path, { host: `localhost.evil.example` })).status, 403);
  assert.equal((await ask(address, path, { origin: 'http://localhost:1' })).status, 403);
  assert.equal((await ask(address, path, { origin: `http://${address}` })).status, 303);
});

test('the token is read from the credential of the service manager', async (t) => {
  const credentials = tempDirectory(t);
  writeFileSync(join(credentials, 'admin-token'), TOKEN, { mode: 0o400 });
  const daemon = await startDaemonProcess(t, { flags: LISTEN, env: { CREDENTIALS_DIRECTORY: credentials } });
  const address = await addressOf(daemon);
  assert.equal((await ask(address, `/admin/?token=${TOKEN}`)).status, 303);
});

for (const { what, text, mode, reason } of [
  {
    what: 'is too short',
    text: 'short',
    mode: 0o600,
    reason: /admin\.tokenFile: expected 16 to 256 letters/,
  },
  {
    what: 'has a blank',
    text: 'a token of several words',
    mode: 0o600,
    reason: /expected 16 to 256 letters/,
  },
  { what: 'may be read by everybody', text: TOKEN, mode: 0o644, reason: /every user may read .*: chmod o= / },
]) {
  test(`a start with a token that ${what} ends, and says so without it`, async (t) => {
    const daemon = spawnDaemon(t, { flags: [...LISTEN, `--admin.tokenFile=${tokenFile(t, text, mode)}`] });
    assert.equal(await daemon.ended, 2);
    await assert.rejects(
      daemon.printed(/never/),
      (error: Error) => reason.test(error.message) && !error.message.includes(text),
    );
  });
}

test('beside another switch the queues are shown that are served on it, and no calls', async (t) => {
  const other = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  const flags = ['--admin.listen=[::1]:0', `--admin.tokenFile=${tokenFile(t)}`];
  const joining = ['--switch.mode=join', `--switch.path=${other.switchSocket}`];
  const daemon = await startDaemonProcess(t, { flags: [...flags, ...joining] });
  const { page } = await openPage(t, `http://${await addressOf(daemon)}/admin/?token=${TOKEN}`);
  await page.getByRole('listitem').getByText(`org.xen.xapi.datapath on ${other.switchSocket}`).waitFor();
  await page.getByRole('listitem').getByText('served', { exact: true }).waitFor();
  await goTo(page, 'Calls');
  await page.getByText('This daemon is not the switch').waitFor();
});

test('a start without a token ends where nobody would see a new one', async (t) => {
  const empty = join(tempDirectory(t), 'credentials');
  mkdirSync(empty);
  const daemon = spawnDaemon(t, { flags: LISTEN, env: { CREDENTIALS_DIRECTORY: empty } });
  assert.equal(await daemon.ended, 2);
  await assert.rejects(
    daemon.printed(/never/),
    /admin\.listen: there is no token for it: name its file in admin\.tokenFile/,
  );
});

test('in a terminal a token is made up and printed with the URL, which opens the page', async (t) => {
  const words = [process.execPath, MAIN, ...LISTEN, `--sockets.directory=${join(tempDirectory(t), 'run')}`];
  const command = [...words, '--switch.stateDirectory='].map((word) => `'${word}'`).join(' ');
  const { JOURNAL_STREAM: _, ...env } = process.env;
  // A terminal of its own, with all that comes to it.
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { env });
  t.after(() => child.kill('SIGKILL'));
  let shown = '';
  const url = await new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      const [found] = /http:\/\/127\.0\.0\.1:[0-9]+\/admin\/\?token=[\w-]{32}(?=\s)/.exec(shown) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  const { page } = await openPage(t, url);
  await page.getByRole('status').getByText('live').waitFor();
  child.kill('SIGTERM');
  await once(child, 'close');
  const [, token = ''] = url.split('token=');
  assert.equal(shown.split(token).length, 2, 'it is printed once');
});
