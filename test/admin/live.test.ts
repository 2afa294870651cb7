import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Page, Request } from 'playwright-core';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { forward, openPage } from './browser.ts';

/** When a page takes its stream for dead, and asks for another: with a clock that the test holds. */

const FLAGS = ['--storage.enabled=false', '--admin.interval=10min'];
const INTERVAL_MS = 600_000;
const STREAM = '**/admin/events';

/** Opens the page with a clock that stands still but where the test lets it go on; `prepare` comes before the page. */
async function openHeld(
  t: TestContext,
  prepare: (page: Page, base: string) => Promise<void> = async () => {},
) {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const base = await forward(t, daemon.switchSocket);
  const { page, asked } = await openPage(t, 'about:blank');
  await page.clock.install({ time: 0 });
  await page.clock.pauseAt(3_600_000);
  await prepare(page, base);
  await page.goto(`${base}/admin/`);
  const status = page.getByRole('status');
  return {
    page,
    streams: (): number => asked.filter((url) => url.endsWith('/events')).length,
    /** What is shown is drawn by the clock, too: it goes on by as little as that takes. */
    shows: async (text: string): Promise<void> => {
      while (!(await status.getByText(text).isVisible())) await page.clock.runFor(1);
    },
  };
}

test('a page is not taken for dead before what it is told is due', async (t) => {
  const { page, streams, shows } = await openHeld(t);
  await shows('live');
  await page.clock.fastForward(INTERVAL_MS - 1000);
  assert.equal(streams(), 1);
  const again = page.waitForRequest(STREAM);
  await page.clock.fastForward(12_000);
  await again;
});

test('a page that is let in again asks for one stream, and keeps that', async (t) => {
  // When it is refused it will ask again, and asks for the reason.
  let refused: Promise<Request> | undefined;
  const nextRefusal = (page: Page, base: string): void => {
    refused = page.waitForRequest(
      (request) => request.url() === `${base}/admin/` && request.resourceType() === 'fetch',
    );
  };
  let address = '';
  let routed = 0;
  const { page, streams, shows } = await openHeld(t, async (opened, base) => {
    address = base;
    await opened.route(STREAM, (route) => {
      routed += 1;
      return routed <= 3 ? route.fulfill({ status: 503, body: 'not now' }) : route.continue();
    });
    nextRefusal(opened, base);
  });
  await refused;
  await shows('no word for');
  for (const time of [1, 2, 3]) {
    const again = page.waitForRequest(STREAM);
    if (time < 3) nextRefusal(page, address);
    await page.clock.runFor(2000);
    await again;
    await refused;
  }
  await shows('live');
  await page.clock.runFor(20_000);
  assert.equal(streams(), 4);
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
  // The page that was loaded anew has a stream, too: how soon it comes is up to the browser.
  const third = page.waitForRequest(() => asked.filter((url) => url.endsWith('/events')).length === 3);
  await page.goto(`${base}/admin/`);
  await third;
  await page.getByRole('status').getByText('live').waitFor();
  assert.equal(asked.filter((url) => url.endsWith('/admin/')).length, 2);
});
