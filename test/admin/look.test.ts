import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { login } from '../switch/helpers.ts';
import { forward, goTo, isFocused, openPage, styleOf } from './browser.ts';
import { plug, startHost } from './lively.ts';

/** How the page looks and is used: in dark and light, on a phone, by keyboard, at rest, without its script. */

const VIEWS = ['Queues', 'Calls', 'Storage', 'Plugins', 'State'];

/** The least contrast of texts with what is behind them, over all that is shown: as WCAG 2 has it. */
const LEAST_CONTRAST = `(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each !== null; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let least = 21;
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
    if (!own || element.closest('svg, noscript') !== null || element.getClientRects().length === 0) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return least;
})()`;

/** How much of anything is beyond its own right edge: to be scrolled to, or cut off. */
const OVERFLOW = `Math.max(...[document.documentElement, ...document.querySelectorAll('.box, td, pre')]
  .map((element) => element.scrollWidth - element.clientWidth))`;

test('a host at work', async (t) => {
  const host = await startHost(t, ['--admin.interval=20ms']);
  const base = await forward(t, host.daemon.switchSocket);
  await plug(host, 'web-root', '3');
  const long = await login(t, host.daemon.switchSocket, 'a-program-with-a-name-that-has-no-end:1234567');
  const queue = `org.xen.xapi.${'a-very-long-name.'.repeat(9)}`;
  await long.text('GET', `/persistent/${queue}`);
  await long.text('POST', `/request/${queue}/${'r'.repeat(90)}`, JSON.stringify({ method: 'x'.repeat(120) }));

  for (const colorScheme of ['light', 'dark'] as const) {
    await t.test(`every text is read well where ${colorScheme} is preferred`, async () => {
      const { page } = await openPage(t, `${base}/admin/`, { colorScheme, reducedMotion: 'reduce' });
      for (const view of VIEWS) {
        await goTo(page, view);
        if (view === 'Calls') await page.getByRole('button', { name: 'SR.attach' }).first().click();
        const least = Number(await page.evaluate(LEAST_CONTRAST));
        assert.ok(least >= 4.5, `${view}: ${least}`);
      }
      const [red = 0] =
        /\d+/.exec(String(await page.evaluate('getComputedStyle(document.body).backgroundColor'))) ?? [];
      assert.equal(Number(red) < 128, colorScheme === 'dark');
    });
  }

  await t.test('on a phone nothing is wider than the screen, however long the names are', async () => {
    const { page } = await openPage(t, `${base}/admin/`, { viewport: { width: 360, height: 740 } });
    for (const view of VIEWS) {
      await goTo(page, view);
      if (view === 'Calls') await page.getByRole('button', { name: 'xxxx' }).click();
      assert.equal(await page.evaluate(OVERFLOW), 0, view);
    }
    await goTo(page, 'Queues');
    const row = page.getByRole('row', { name: 'xenops.classic' });
    // The name of each column stands in the row itself.
    assert.match(await styleOf(row.locator('td').nth(1), 'content', '::before'), /Who listens/);
  });

  for (const [reducedMotion, animation] of [
    ['no-preference', 'grow'],
    ['reduce', 'none'],
  ] as const) {
    await t.test(
      `arrows that are new are drawn with the animation ${animation} for who has ${reducedMotion}`,
      async () => {
        const { page } = await openPage(t, `${base}/admin/#calls`, { reducedMotion });
        const line = page.locator('.diagram .fresh .line').first();
        await line.waitFor({ state: 'attached' });
        assert.equal(await styleOf(line, 'animation-name'), animation);
      },
    );
  }

  await t.test('the keyboard comes to the content by one step, and sees where it is', async () => {
    const { page } = await openPage(t, `${base}/admin/#state`);
    await page.getByRole('heading', { name: 'State', level: 2 }).waitFor();
    await page.keyboard.press('Tab');
    const skip = page.getByRole('link', { name: 'To the content' });
    assert.ok(await isFocused(skip));
    assert.notEqual(await styleOf(skip, 'outline-style'), 'none');
    await page.keyboard.press('Enter');
    assert.ok(await isFocused(page.locator('main')));
    assert.equal(page.url(), `${base}/admin/#state`);
  });

  await t.test('tables, figures and the way through the views have names', async () => {
    const { page } = await openPage(t, `${base}/admin/`);
    for (const view of VIEWS) {
      await goTo(page, view);
      for (const table of await page.getByRole('table').all())
        assert.ok(await table.getAttribute('aria-label'), view);
      const current = page.getByRole('navigation', { name: 'Views' }).locator('[aria-current=page]');
      assert.equal(await current.textContent(), view);
      assert.equal(await page.title(), `${view} – datapathd`);
    }
  });
});

test('without its script the page says what tells the same', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  const base = await forward(t, daemon.switchSocket);
  const { page } = await openPage(t, `${base}/admin/`, { javaScriptEnabled: false });
  const hint = page.locator('noscript p');
  await hint.waitFor();
  assert.match((await hint.textContent()) ?? '', /datapathctl tail --follow/);
});

test('a page above admin.maxFollowers says that it is one too many', async (t) => {
  const daemon = await startDaemonProcess(t, {
    flags: ['--storage.enabled=false', '--admin.maxFollowers=1'],
  });
  const base = await forward(t, daemon.switchSocket);
  const first = await openPage(t, `${base}/admin/`);
  await first.page.getByRole('status').getByText('live').waitFor();
  const second = await openPage(t, `${base}/admin/`);
  await second.page
    .getByRole('status')
    .getByText('1 pages are open, as many as admin.maxFollowers allows')
    .waitFor();
  await first.page.close();
  await second.page.getByRole('status').getByText('live').waitFor();
});
