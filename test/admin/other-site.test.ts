import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { HOWEVER_LATE } from '../service/metrics-text.ts';
import { connectHttp } from '../switch/helpers.ts';
import { forward, LED_HERE, openPage } from './browser.ts';

/** What a page of somebody else's does, in a real browser, where a port leads to the switch. */

for (const [what, nameOf] of [
  ['another site', () => '127.0.0.1'],
  ['another site whose name leads here', () => LED_HERE],
] as const) {
  test(`the page of ${what} has no message sent and no queue made, and is not told what there is`, async (t) => {
    const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
    const base = await forward(t, daemon.switchSocket);
    const { page } = await openPage(t, `http://${nameOf()}:${await otherSite(t)}/`);
    const client = await connectHttp(t, daemon.switchSocket);
    await client.text('GET', '/login/me');
    await client.text('GET', '/persistent/mine');
    const there = what === 'another site' ? base : base.replace('localhost', LED_HERE);
    for (const [method, target] of [
      ['GET', '/login/evil'],
      ['GET', '/persistent/evil'],
      ['GET', '/destroy/mine'],
      ['POST', '/request/mine/reply'],
      ['POST', '/log'],
    ] as const) {
      // Sent as it would be by a form or an image: the answer is for nobody.
      const options = JSON.stringify({
        method,
        mode: 'no-cors',
        ...(method === 'POST' ? { body: '{}' } : {}),
      });
      const asked = `fetch('${there}${target}', ${options}).then(({ type }) => type)`;
      assert.equal(await page.evaluate(asked), 'opaque');
    }
    assert.equal(await client.text('GET', '/list/'), '["mine"]');
    const body = JSON.stringify({ from: -1, timeout: 0, queues: ['mine'] });
    assert.match(await client.text('POST', '/transfer', body), /"messages":\[\]/);
    await daemon.logged(
      ({ level, msg }) => level === 'warn' && msg.includes('a page in a browser may have asked'),
    );
  });
}

/** Gives the port of a site of somebody else's. */
async function otherSite(t: TestContext): Promise<number> {
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
  return address.port;
}

test('what the header says does not matter, nor how it is written: a browser gets pages alone', async (t) => {
  // A machine with much else to do makes no daemon unwell here.
  const flags = ['--storage.enabled=false', ...HOWEVER_LATE];
  const daemon = await startDaemonProcess(t, { flags });
  const ask = async (line: string, headers = 'Host: localhost\r\nsec-FETCH-site: none'): Promise<number> => {
    const client = await connectHttp(t, daemon.switchSocket);
    client.send(Buffer.from(`${line} HTTP/1.1\r\n${headers}\r\n\r\n`));
    const [, status = ''] = /^HTTP\/1\.1 (\d+) /.exec(await client.receiveLine()) ?? [];
    return Number(status);
  };
  for (const page of ['/admin/', '/metrics', '/healthz']) assert.equal(await ask(`GET ${page}`), 200, page);
  for (const line of ['GET /login/me', 'GET /', 'POST /log', 'DELETE /metrics']) {
    assert.equal(await ask(line), 403, line);
    assert.equal(await ask(line, 'Host: localhost\r\nOrigin: null'), 403, line);
    for (const name of ['led-here.example:9156', 'localhost.example:1', '0.0.0.0:9156']) {
      assert.equal(await ask(line, `Host: ${name}`), 403, `${line} as ${name}`);
    }
  }
  // Others than browsers read pages through ports, too.
  assert.equal(await ask('GET /metrics', 'Host: dom0.example:9156'), 200);
});
