import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { forward, openPage } from './browser.ts';

/** When a page takes its stream for dead, and asks for another: with a clock that the test holds. */

const FLAGS = ['--storage.enabled=false', '--admin.interval=1min'];
const STREAM = '**/admin/events';

test('a page is not taken for dead before what it is told is due', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const base = await forward(t, daemon.switchSocket);
  const { page, asked } = await openPage(t, 'about:blank');
  await page.clock.install();
  await page.goto(`${base}/admin/`);
  await page.getByRole('status').getByText('live').waitFor();
  await page.clock.runFor(59_000);
  assert.equal(asked.filter((url) => url.endsWith('/events')).length, 1);
  const again = page.waitForRequest(STREAM);
  await page.clock.runFor(12_000);
  await again;
});

test('a page that is let in again asks for one stream, and keeps that', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const base = await forward(t, daemon.switchSocket);
  const { page, asked } = await openPage(t, 'about:blank');
  let streams = 0;
  await page.route(STREAM, (route) => {
    streams += 1;
    return streams <= 3 ? route.fulfill({ status: 503, body: 'not now' }) : route.continue();
  });
  await page.clock.install();
  await page.goto(`${base}/admin/`);
  await page.getByRole('status').getByText('no word for').waitFor();
  for (const _ of [1, 2, 3]) {
    const again = page.waitForRequest(STREAM);
    await page.clock.runFor(2000);
    await again;
  }
  await page.getByRole('status').getByText('live').waitFor();
  await page.clock.runFor(20_000);
  assert.equal(asked.filter((url) => url.endsWith('/events')).length, 4);
});

test('a page that was open over an upgrade is loaded anew', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  const base = await forward(t, daemon.switchSocket);
  const { page, asked } = await openPage(t, 'about:blank');
  const before = `event: about\ndata: ${JSON.stringify({ version: '0.0.1', started: 1 })}\n\n`;
  let streams = 0;
  await page.route(STREAM, (route) => {
    streams += 1;
    return streams === 1
      ? route.fulfill({ contentType: 'text/event-stream', body: before })
      : route.continue();
  });
  await page.goto(`${base}/admin/`);
  await page.waitForRequest(`${base}/admin/`);
  await page.waitForRequest(STREAM);
  await page.getByRole('status').getByText('live').waitFor();
  assert.equal(asked.filter((url) => url.endsWith('/admin/')).length, 2);
});
