import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { login } from '../switch/helpers.ts';
import { forward, openPage } from './browser.ts';

const SWITCH_ONLY = ['--storage.enabled=false', '--admin.interval=20ms'];

test('a queue appears with who listens and what waits, without a reload', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: SWITCH_ONLY });
  const base = await forward(t, daemon.switchSocket);
  const { page, complaints, asked } = await openPage(t, `${base}/admin`);
  await page.getByText('No service has a queue yet.').waitFor();
  const client = await login(t, daemon.switchSocket, 'xenopsd:4711');
  await client.text('GET', '/persistent/org.xen.xapi.xenops.classic');
  await client.text('POST', '/request/org.xen.xapi.xenops.classic/reply', 'hello');
  const row = page.getByRole('row', { name: 'xenops.classic' });
  await row.getByText('1 (5 B)').waitFor();
  assert.match((await row.textContent()) ?? '', /nobody ever/);
  const body = JSON.stringify({ timeout: 0, queues: ['org.xen.xapi.xenops.classic'] });
  await client.text('POST', '/transfer', body);
  await row.getByText('xenopsd:4711').waitFor();
  assert.deepEqual(complaints, []);
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(`${base}/admin`)),
    [],
  );
});
