import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { tempDirectory } from '../helpers/temp.ts';
import { forward, goTo, openPage } from './browser.ts';
import { chat, diskOf, type Host, plug, startHost, unplug, XENOPS } from './lively.ts';

/** The pictures of docs/images: `npm run pictures` makes them anew, a test makes them elsewhere and compares. */

const COMMITTED = join(import.meta.dirname, '../../docs/images');
const MOST_BYTES = 150_000;

interface Picture {
  readonly name: string;
  readonly view: string;
  readonly colors?: 'dark';
  readonly width?: number;
  readonly height: number;
}

const PICTURES: readonly Picture[] = [
  { name: 'queues', view: 'Queues', height: 600 },
  { name: 'calls', view: 'Calls', width: 1100, height: 780 },
  { name: 'calls-dark', view: 'Calls', colors: 'dark', width: 1100, height: 780 },
  { name: 'calls-phone', view: 'Calls', width: 360, height: 760 },
  { name: 'storage', view: 'Storage', height: 740 },
  { name: 'plugins', view: 'Plugins', height: 680 },
  { name: 'state', view: 'State', height: 860 },
];

test('each view has its picture in the docs, of the size that it has now', async (t) => {
  const { PICTURES: wanted = '' } = process.env;
  const folder = wanted === '' ? tempDirectory(t) : wanted;
  mkdirSync(folder, { recursive: true });
  const host = await startHost(t, ['--admin.interval=50ms']);
  const base = await forward(t, host.daemon.switchSocket);
  const { page } = await openPage(t, `${base}/admin/`);
  await live(host, page);
  for (const picture of PICTURES) {
    await take(t, picture, { base, path: join(folder, `${picture.name}.png`), queues: page });
  }
  const names = (of: string): string[] =>
    readdirSync(of)
      .filter((name) => name.endsWith('.png'))
      .sort();
  assert.deepEqual(names(COMMITTED), names(folder), 'npm run pictures');
  for (const name of names(folder)) {
    const [made, committed] = [folder, COMMITTED].map((each) => readFileSync(join(each, name)));
    assert.ok(made !== undefined && committed !== undefined);
    assert.deepEqual(sizeOf(committed), sizeOf(made), `${name}: npm run pictures`);
    assert.ok(committed.length < MOST_BYTES, `${name} has ${committed.length} bytes`);
  }
});

/** Lets the host work until there is something to see of it. */
async function live(host: Host, page: Page): Promise<void> {
  await plug(host, 'db-root', '5');
  await plug(host, 'db-data', '5', 'xvdb');
  const chart = page.getByRole('row', { name: 'storage.gfs2' }).locator('.chart path');
  for (let seconds = 0; seconds < 7; ) {
    await chat(host);
    await plug(host, 'web-root', '3');
    await unplug(host, 'web-root', '3');
    seconds = ((await chart.getAttribute('d')) ?? '').split('M').length - 1;
  }
  const { queue, sr, vdi } = diskOf(host.disks, 'db-root');
  await chat(host);
  await Promise.all([
    plug(host, 'web-root', '7'),
    host.xapi.call(queue, 'VDI.snapshot', { dbg: 'R:80', sr, vdi_info: { vdi, name_label: 'nightly' } }),
  ]);
  await host.xapi.send('org.xen.xapi.v6', 'V6d.get_version', { dbg: 'R:81' });
  await host.xapi.send(XENOPS, 'VM.start', { dbg: 'R:82', id: '3d0c' });
}

interface Taking {
  readonly base: string;
  readonly path: string;
  /** The page that has seen all of it. */
  readonly queues: Page;
}

async function take(t: TestContext, picture: Picture, { base, path, queues }: Taking): Promise<void> {
  const { view, colors: colorScheme = 'light', width = 1280, height } = picture;
  const viewport = { width, height };
  // What is drawn by and by would be caught in the midst of it.
  const options = { colorScheme, viewport, reducedMotion: 'reduce' } as const;
  const page = view === 'Queues' ? queues : (await openPage(t, `${base}/admin/`, options)).page;
  await page.setViewportSize(viewport);
  await goTo(page, view);
  if (view === 'Calls') {
    await page.getByRole('row', { name: 'VM.start' }).getByText('under way').waitFor();
    if (width > 500) await page.getByRole('button', { name: 'VDI.snapshot' }).first().click();
  }
  await page.screenshot({ path });
  if (page !== queues) await page.context().close();
}

/** In pixels, as the head of a PNG has it. */
const sizeOf = (png: Buffer): readonly [number, number] => [png.readUInt32BE(16), png.readUInt32BE(20)];
