import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';

/** A real browser, one for all tests of a file, that looks at the page of a daemon. */

/** A name that a name server has made to lead to the browser's own machine. */
export const LED_HERE = 'led-here.example';

const ARGUMENTS = [
  `--host-resolver-rules=MAP ${LED_HERE} 127.0.0.1`,
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A test that waits for longer waits for nothing. It is less than a test may take, so that it is told what did not come. */
const PATIENCE_MS = 200_000;

let launched: Promise<Browser> | undefined;

after(async () => {
  await (await launched)?.close();
});

/** The browser, with a profile of its own. */
export function browser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: chromiumPath(), args: ARGUMENTS });
  return launched;
}

/** The browser itself: what is called so in PATH is a script, which looks for it where it is installed and nowhere else. */
function chromiumPath(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = folders.map((folder) => join(folder, '../lib/chromium/chromium'));
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) throw new Error(`there is no chromium: looked at ${paths.join(', ')}`);
  return path;
}

/** A port of the loopback that leads to a Unix socket, as `ssh -L` and socat make one. */
export const forward = (t: TestContext, path: string): Promise<string> => forwardTo(t, () => connect(path));

/** The same to wherever a connection leads. */
export async function forwardTo(t: TestContext, open: () => Socket): Promise<string> {
  const server = createServer((near) => {
    const far = open();
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    t.after(() => near.destroy());
  });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://localhost:${address.port}`;
}

/** A page in a window of its own, whatever it complains of, and where it has asked. */
export interface Opened {
  readonly page: Page;
  readonly complaints: string[];
  readonly asked: string[];
}

export async function openPage(
  t: TestContext,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => {
    if (message.type() !== 'log') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
  return { page, complaints, asked };
}

export async function goTo(page: Page, view: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: view }).click();
  await page.getByRole('heading', { name: view, level: 2 }).waitFor();
}

export const isFocused = (element: Locator): Promise<boolean> =>
  element.evaluate((node) => node.matches(':focus'));

/** The browser's, for what is carried out there. */
declare function getComputedStyle(
  element: unknown,
  pseudo: string,
): { getPropertyValue(property: string): string };

/** A property of an element as it is shown, or of what stands before it. */
export const styleOf = (element: Locator, property: string, pseudo = ''): Promise<string> =>
  element.evaluate((node, [name, before]) => getComputedStyle(node, before).getPropertyValue(name), [
    property,
    pseudo,
  ] as const);
