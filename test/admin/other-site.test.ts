import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { connectHttp } from '../switch/helpers.ts';
import { forward, openPage } from './browser.ts';

/** What a page of somebody else's does, in a real browser, where a port leads to the switch. */

test('the page of another site has no message sent and no queue made, and is not told what there is', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  const base = await forward(t, daemon.switchSocket);
  const other = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<title>another site</title>');
  }).listen(0, '127.0.0.1');
  t.after(() => {
    other.closeAllConnections();
    other.close();
  });
  await once(other, 'listening');
  const address = other.address();
  assert.ok(typeof address === 'object' && address !== null);
  const { page } = await openPage(t, `http://127.0.0.1:${address.port}/`);
  const client = await connectHttp(t, daemon.switchSocket);
  await client.text('GET', '/login/me');
  await client.text('GET', '/persistent/mine');
  for (const [method, target] of [
    ['GET', '/login/evil'],
    ['GET', '/persistent/evil'],
    ['GET', '/destroy/mine'],
    ['POST', '/request/mine/reply'],
    ['POST', '/log'],
  ] as const) {
    // Sent as it would be by a form or an image: the answer is for nobody.
    const options = JSON.stringify({ method, mode: 'no-cors', ...(method === 'POST' ? { body: '{}' } : {}) });
    assert.equal(
      await page.evaluate(`fetch('${base}${target}', ${options}).then(({ type }) => type)`),
      'opaque',
    );
  }
  assert.equal(await client.text('GET', '/list/'), '["mine"]');
  const body = JSON.stringify({ from: -1, timeout: 0, queues: ['mine'] });
  assert.match(await client.text('POST', '/transfer', body), /"messages":\[\]/);
  await daemon.logged(({ level, msg }) => level === 'warn' && msg.includes('Sec-Fetch-Site'));
});

test('what the header says does not matter, nor how it is written: a browser gets pages alone', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  const ask = async (line: string): Promise<number> => {
    const client = await connectHttp(t, daemon.switchSocket);
    client.send(Buffer.from(`${line} HTTP/1.1\r\nHost: localhost\r\nsec-FETCH-site: none\r\n\r\n`));
    const [, status = ''] = /^HTTP\/1\.1 (\d+) /.exec(await client.receiveLine()) ?? [];
    return Number(status);
  };
  for (const page of ['/admin/', '/metrics', '/healthz']) assert.equal(await ask(`GET ${page}`), 200, page);
  for (const line of ['GET /login/me', 'GET /', 'POST /log', 'DELETE /metrics']) {
    assert.equal(await ask(line), 403, line);
  }
});
