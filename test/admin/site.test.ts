import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { assets } from '../../src/admin/assets.ts';
import { createSwitchFront } from '../../src/switch/front.ts';
import type { SiteAnswer } from '../../src/wire/site.ts';
import { exchange } from '../helpers/client.ts';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { connectHttp, LIMITS, request, startSwitch } from '../switch/helpers.ts';

/** What is answered below /admin on the switch's socket, to the byte. */

const FLAGS = ['--storage.enabled=false'];

test('every answer below /admin forbids what the page does not need', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const client = await connectHttp(t, daemon.switchSocket);
  for (const target of ['/admin', '/admin/', '/admin/main.js', '/admin/base.css', '/admin/none']) {
    const { head } = await client.ask('GET', target);
    assert.match(
      head,
      /^content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/m,
    );
    assert.match(head, /^x-content-type-options: nosniff$/m);
    assert.match(head, /^referrer-policy: no-referrer$/m);
    assert.match(head, /^cache-control: no-store$/m);
  }
});

test('/admin leads to /admin/, and its files come with their types', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const client = await connectHttp(t, daemon.switchSocket);
  assert.match(
    (await client.ask('GET', '/admin')).head,
    /^http\/1\.1 302 found$[\s\S]*^location: \/admin\/$/m,
  );
  for (const [target, type] of [
    ['/admin/', 'text/html; charset=utf-8'],
    ['/admin/?anything', 'text/html; charset=utf-8'],
    ['/admin/main.js', 'text/javascript; charset=utf-8'],
    ['/admin/base.css', 'text/css; charset=utf-8'],
    ['/admin/icon.svg', 'image/svg+xml'],
  ] as const) {
    const { status, head, body } = await client.ask('GET', target);
    assert.equal(status, 200);
    assert.ok(head.includes(`content-type: ${type}`), target);
    assert.ok(body.length > 100);
  }
});

test('a path that is no file of the page is not found, whatever is in the file system', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const client = await connectHttp(t, daemon.switchSocket);
  for (const target of [
    ...['/admin/../../../../etc/passwd', '/admin/..%2f..%2f..%2fetc%2fpasswd', '/admin/%2e%2e/site.ts'],
    ...[
      '/admin//etc/passwd',
      '/admin/main.ts',
      '/admin/tsconfig.json',
      '/admin/page/main.js',
      '/admin/__proto__',
    ],
    ...['/js/protocol.js', '/css/admin.css', '/images/logo.png', '/administrator'],
  ]) {
    const { status, body } = await client.ask('GET', target);
    assert.equal(status, 404, target);
    assert.equal(body.toString().trim(), `Not found: ${target}`);
  }
  assert.equal((await client.ask('POST', '/admin/')).status, 404);
});

test('a browser that was led here by another name gets nothing', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const ask = (host: string): Promise<string> =>
    exchange(t, daemon.switchSocket, `GET /admin/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  for (const host of [
    'evil.example',
    'localhost.evil.example:9156',
    '10.0.0.1',
    'localhost:9156:1',
    'a@localhost',
  ]) {
    assert.match(await ask(host), /^HTTP\/1\.1 403 /, host);
  }
  for (const host of ['localhost', 'LOCALHOST:9156', '127.0.0.1:80', '[::1]:9156']) {
    assert.match(await ask(host), /^HTTP\/1\.1 200 /, host);
  }
});

test('who may not look at the state of the switch does not see the page', async (t) => {
  const { host } = await startSwitch(t, {}, { policy: () => () => 'the user 7 may not observe' });
  const site = (): SiteAnswer => ({ type: 'whole', status: 200, headers: {}, body: 'secret' });
  const limits = { maxHeaderBytes: 1000, maxTransferTimeout: 1, maxCredit: 1, slowReaderTimeout: 1 };
  const front = createSwitchFront(host, { ...LIMITS, ...limits }, () => {}, { site });
  const conversation = front({ identity: undefined, send() {}, unsent: 0, full: false, close() {} });
  conversation.push(request('GET', '/admin/'));
  const reply = await conversation.next();
  assert.match(`${reply?.bytes}`, /^HTTP\/1\.1 403 (?:.|\r\n)*the user 7 may not observe$/);
});

test('the files that are written for a package are what a checkout serves, without a type left', async (t) => {
  const folder = join(tempDirectory(t), 'page');
  const script = join(import.meta.dirname, '../../src/admin/write-assets.ts');
  const { status, stderr } = await runProgram(t, process.execPath, [script, folder]);
  // Node has nothing to say of a piece of its own that may still change.
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const written = assets(folder);
  assert.deepEqual([...written].sort(), [...assets()].sort());
  const names = [...written.keys()];
  assert.ok(names.includes('main.js') && !names.some((name) => name.endsWith('.ts')));
  for (const [name, { body }] of written) {
    for (const [, imported = ''] of body.matchAll(/from '\.\/([^']+)'/g))
      assert.ok(written.has(imported), `${name}: ${imported}`);
    assert.ok(!body.includes(".ts'"), name);
  }
});
