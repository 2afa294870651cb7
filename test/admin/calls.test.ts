import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemonProcess, stop } from '../helpers/daemon.ts';
import { login, request } from '../switch/helpers.ts';
import { forward, goTo, isFocused, openPage } from './browser.ts';
import { startCaller, startService } from './toolstack.ts';

/** Calls as they are drawn, in a real browser. */

const FLAGS = ['--storage.enabled=false', '--admin.interval=20ms'];
const SERVICE = 'org.xen.xapi.storage.gfs2';
const OTHER = 'org.xen.xapi.memory';
const SR = '7c1d9a52-3c4b-4d4e-9a37-6f0e8f6a2b11';

test('the calls of a switch', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const base = await forward(t, daemon.switchSocket);
  const { page, complaints } = await openPage(t, `${base}/admin/#calls`);
  const caller = await startCaller(t, daemon.switchSocket, 'xapi:1423');
  let answer = (): void => {};
  await startService(t, daemon.switchSocket, 'plugin:77', SERVICE, async (method) => {
    if (method === 'SR.attach') {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
    }
    return null;
  });
  await startService(t, daemon.switchSocket, 'squeezed:1188', OTHER, () => ({ reservation: '1' }));
  const diagram = page.locator('svg.diagram');
  const rows = page.getByRole('table').getByRole('row');
  const row = (method: string) => page.getByRole('row', { name: method });

  await t.test('a call draws itself: sent, worked on, answered', async () => {
    await page.getByText('No message has gone through the switch yet').waitFor();
    const called = caller.call(SERVICE, 'SR.attach', { sr: SR });
    await row('SR.attach').getByText('under way').waitFor();
    await diagram.getByText('SR.attach').waitFor();
    assert.equal(await diagram.locator('.bar.works.open').count(), 1);
    assert.equal(await diagram.locator('.arrow.answer').count(), 0);
    assert.match(
      (await diagram.getAttribute('aria-label')) ?? '',
      /of 1 calls between xapi:1423, storage\.gfs2$/,
    );
    answer();
    await called;
    await row('SR.attach').getByText('OK').waitFor();
    await diagram.getByText(/^OK · /).waitFor();
    // The answer may be told before it is told as fetched.
    await diagram.locator('.bar.open').waitFor({ state: 'detached' });
  });

  await t.test('a call is filtered by its queue, its method and its SR', async () => {
    await caller.call(OTHER, 'Squeezed.reserve', { kib: 4 });
    await caller.call(SERVICE, 'VDI.attach3', { sr: SR, vdi: '12' });
    await caller.call(SERVICE, 'VDI.detach', { sr: 'e2b0c7d4-51a8-4f0e-8f6d-0a9d3c2b7e64', vdi: '3' });
    await row('VDI.detach').getByText('OK').waitFor();
    // The row of the heads is one, too.
    for (const [label, value, left] of [
      ['Queue', 'storage.*', 3],
      ['Queue', 'memory', 1],
      ['Method', 'vdi.', 2],
      ['SR', SR.slice(0, 8), 2],
    ] as const) {
      const field = page.getByLabel(label, { exact: true });
      await field.fill(value);
      await page.getByText(`${left} call`).waitFor();
      assert.equal(await rows.count(), left + 1, `${label} ${value}`);
      assert.equal(await diagram.locator('.arrow.request').count(), left);
      await field.fill('');
    }
    await page.getByLabel('Method').fill('nothing is called so');
    await page.getByText('No call that the trace has fits the filter.').waitFor();
    await page.getByLabel('Method').fill('');
  });

  await t.test('a call is chosen and left by the keyboard, and shown in full', async () => {
    const first = row('VDI.detach').getByRole('button');
    const second = row('VDI.attach3').getByRole('button');
    await page.getByRole('button', { name: 'Hold' }).focus();
    await page.keyboard.press('Tab');
    assert.ok(await isFocused(first));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const details = page.getByRole('region', { name: 'The call that is selected' });
    await details.getByText('answer fetched by xapi:1423').waitFor();
    assert.match((await details.textContent()) ?? '', /fetched by plugin:77.*acknowledged by plugin:77/);
    assert.match((await details.getByLabel('Request').textContent()) ?? '', /"vdi": "12"/);
    assert.equal(await second.getAttribute('aria-pressed'), 'true');
    assert.equal(await diagram.locator('.arrow.selected').count(), 2);
    await page.keyboard.press('Escape');
    await details.waitFor({ state: 'hidden' });
    assert.ok(await isFocused(second));
  });

  await t.test('what is held stays as it is, and what came meanwhile is shown then', async () => {
    await page.getByRole('button', { name: 'Hold' }).click();
    await caller.call(OTHER, 'Squeezed.login', {});
    await page.getByRole('navigation').getByRole('link', { name: 'Queues' }).click();
    await page.getByRole('row', { name: 'memory' }).getByText('2', { exact: true }).waitFor();
    await goTo(page, 'Calls');
    assert.equal(await row('Squeezed.login').count(), 0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await row('Squeezed.login').waitFor();
  });

  assert.deepEqual(complaints, []);
});

test('markup in the names and payloads of messages is shown as the text that it is', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const base = await forward(t, daemon.switchSocket);
  const { page, complaints } = await openPage(t, `${base}/admin/#calls`);
  const markup = '<img src=x onerror="document.title=1">';
  const token = `</title><script>document.title=2</script>`;
  const client = await login(t, daemon.switchSocket, encodeURIComponent(token));
  const queue = encodeURIComponent(`q${markup}`);
  await client.text('GET', `/persistent/${queue}`);
  const payload = JSON.stringify({
    method: markup,
    params: [{ sr: markup, vdi: '<svg/onload=alert(1)>' }],
    id: 1,
  });
  await client.text('POST', `/request/${queue}/reply`, payload);
  const button = page.getByRole('button', { name: markup });
  await button.click();
  await page.getByLabel('Request').getByText('<svg/onload=alert(1)>').waitFor();
  await goTo(page, 'Queues');
  await page.locator('code').getByText(`q${markup}`).waitFor();
  assert.equal(await page.title(), 'Queues – datapathd');
  // The page's own picture, and its own script.
  assert.equal(await page.locator('img').count(), 1);
  assert.equal(await page.locator('script').count(), 1);
  assert.equal(await page.locator('svg[onload]').count(), 0);
  assert.deepEqual(complaints, []);
});

test('events that the trace has dropped before they were read are counted', async (t) => {
  const daemon = await startDaemonProcess(t, {
    flags: ['--storage.enabled=false', '--admin.interval=300ms', '--switch.traceEntries=10'],
  });
  const base = await forward(t, daemon.switchSocket);
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/persistent/q');
  const { page } = await openPage(t, `${base}/admin/#calls`);
  await client.text('POST', '/request/q/r', '{"method":"first"}');
  await page.getByRole('row', { name: 'first' }).waitFor();
  // At once, as the trace is read in between when they come slowly.
  const next = request('POST', '/request/q/r', '{"method":"next"}');
  while (!(await page.getByText(/\d+ events were lost/).isVisible())) {
    client.send(Buffer.concat(Array.from({ length: 50 }, () => next)));
    for (let came = 0; came < 50; came += 1) assert.equal((await client.answer()).status, 200);
  }
});

test('a page finds its daemon again when that was started anew, and forgets the old trace', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: FLAGS });
  const base = await forward(t, daemon.switchSocket);
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/persistent/q');
  await client.text('POST', '/request/q/r', '{"method":"before"}');
  const { page } = await openPage(t, `${base}/admin/#calls`);
  await page.getByRole('row', { name: 'before' }).waitFor();
  client.socket.destroy();
  await stop(daemon);
  await page
    .getByRole('status')
    .getByText(/no word for/)
    .waitFor();
  await startDaemonProcess(t, { directory: daemon.directory, flags: FLAGS });
  await page.getByRole('status').getByText('live').waitFor();
  await page.getByText('No message has gone through the switch yet').waitFor();
});
