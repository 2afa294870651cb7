import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { HOWEVER_LATE } from '../service/metrics-text.ts';
import { connectHttp, login } from '../switch/helpers.ts';
import { forward, goTo, openPage } from './browser.ts';
import { diskOf, GFS2, PASSWORD, plug, SRS, startHost, unplug } from './lively.ts';
import { readStream } from './stream.ts';

/** What each view shows, of a host at work, in a real browser. */

const QUICK = '--admin.interval=20ms';

test('a queue appears with who listens and what waits, without a reload', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false', QUICK] });
  const base = await forward(t, daemon.switchSocket);
  const { page, complaints, asked } = await openPage(t, `${base}/admin`);
  await page.getByText('No service has a queue yet.').waitFor();
  const client = await login(t, daemon.switchSocket, 'xenopsd:4711');
  const queue = 'org.xen.xapi.xenops.classic';
  await client.text('GET', `/persistent/${queue}`);
  await client.text('POST', `/request/${queue}/reply`, 'hello');
  const row = page.getByRole('row', { name: 'xenops.classic' });
  await row.getByText('1 (5 B)').waitFor();
  assert.match((await row.textContent()) ?? '', /nobody ever/);
  await client.text('POST', '/transfer', JSON.stringify({ timeout: 0, queues: [queue] }));
  await row.getByText('xenopsd:4711').waitFor();
  client.socket.destroy();
  await row.getByText(/gone for/).waitFor();
  assert.deepEqual(complaints, []);
  // Nothing leaves the machine.
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(`${base}/admin`)),
    [],
  );
});

test('a host at work', async (t) => {
  // A machine that is busy is none of the troubles that are looked for.
  const host = await startHost(t, [QUICK, ...HOWEVER_LATE]);
  const base = await forward(t, host.daemon.switchSocket);
  const { page, complaints } = await openPage(t, `${base}/admin/`);
  await plug(host, 'web-root', '3');
  await plug(host, 'db-data', '5', 'xvdb');

  await t.test('SRs are shown with their disks, and with the reason of each choice', async () => {
    await goTo(page, 'Storage');
    const group = page.locator('.group', { hasText: SRS.gfs2 });
    const row = group.getByRole('row', { name: 'vbd/3/xvda' });
    await row.getByText('activated').waitFor();
    const text = (await row.textContent()) ?? '';
    assert.match(text, /qdisk of domain 0, by qcow2\+file, caching none/);
    assert.match(text, /because: .*domain 0/);
    assert.match(text, /vbd\/3\/xvda writes, active/);
    await page.locator('.group', { hasText: SRS.idle }).getByText('No disk of it').waitFor();
  });

  await t.test('a disk goes from the view when it is detached', async () => {
    await plug(host, 'db-root', '8');
    const row = page.getByRole('row', { name: 'vbd/8/xvda' });
    await row.waitFor();
    await unplug(host, 'db-root', '8');
    await row.waitFor({ state: 'detached' });
  });

  await t.test('SRs and disks are looked for by what stands in their rows', async () => {
    const field = page.getByLabel('Look for');
    await field.fill('vbd/5');
    await page.locator('.group', { hasText: SRS.gfs2 }).waitFor({ state: 'detached' });
    await page.locator('.group', { hasText: SRS.nfs }).waitFor();
    await field.fill('nothing has this');
    await page.getByText('Nothing here has that in its name.').waitFor();
    await field.fill('');
  });

  await t.test(
    'plugins are shown with their state, why one is refused, and what their scripts did',
    async () => {
      await goTo(page, 'Plugins');
      await page.getByText('4 of 5 plugins in use.').waitFor();
      const refused = page.getByRole('row', { name: 'org.xen.xapi.storage.linstor' });
      assert.match(
        (await refused.textContent()) ?? '',
        /refused.*expected one of 3\.0, 4\.0, 5\.0, got "9\.0"/,
      );
      const { queue, sr, vdi } = diskOf(host.disks, 'db-root');
      await host.xapi.call(queue, 'VDI.snapshot', { dbg: 'R:1', sr, vdi_info: { vdi, name_label: 's' } });
      const row = page.getByRole('row', { name: GFS2 });
      await row.getByText('1 failed').waitFor();
      await row.getByText('What it is and can do').click();
      await row.getByText('Volumes as files of a GFS2 shared by the pool').waitFor();
      host.plugins.remove('volume/org.xen.xapi.storage.linstor');
      await refused.waitFor({ state: 'detached' });
    },
  );

  await t.test('the state tells how fresh the view is, and how near each limit', async () => {
    await goTo(page, 'State');
    const view = page.locator('.card', { hasText: 'View of xenstore' });
    assert.match((await view.textContent()) ?? '', /fresh for \d+ (?:s|min).*SRs shown3/);
    await page.locator('.card', { hasText: 'Health' }).getByText('Nothing is wrong').waitFor();
    const row = page.getByRole('row', { name: 'admin.maxFollowers' });
    assert.match((await row.textContent()) ?? '', /18–$/);
    assert.equal(await row.getByRole('progressbar').getAttribute('aria-label'), 'admin.maxFollowers: 13 %');
  });

  await t.test('the arrow keys go from view to view', async () => {
    const link = page.getByRole('navigation').getByRole('link', { name: 'State' });
    await link.focus();
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('heading', { name: 'Plugins' }).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.getByRole('heading', { name: 'Queues' }).waitFor();
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Queues');
  });

  await t.test('no password in the URI of an SR is sent to a page', async () => {
    const stream = await readStream(await connectHttp(t, host.daemon.switchSocket));
    const text = await stream.until(/event: tick/);
    assert.match(text, /SR\.attach/);
    assert.match(text, /nfs:\/\/\*\*\*@10\.0\.40\.7/);
    assert.ok(!text.includes(PASSWORD));
  });

  assert.deepEqual(complaints, []);
});
