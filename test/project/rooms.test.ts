import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

/** Who may import whom: a request walks one way through the rooms, and `wire` is what they all stand on. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  socket: ['wire', 'deadline.ts'],
  rpc: ['wire'],
  journal: [],
  switch: ['wire', 'journal', 'glob.ts', 'deadline.ts'],
  xenstore: ['wire', 'deadline.ts'],
  // Scripts read and write JSON, and get pipes as Node has none.
  storage: ['rpc', 'xenstore', 'journal', 'wire', 'posix.ts', 'glob.ts', 'deadline.ts'],
  // The service manager is told by datagrams, which Node has none of.
  service: ['rpc', 'wire', 'posix.ts'],
  // Plugins are checked and tried without a daemon, and what a daemon answers is read by its own schemas.
  // Where the switch's socket and state are, the daemon's configuration says; a backup works on the state itself; and the
  // switch is spoken to in MessagePack with the client that is for everybody.
  cli: [
    'wire',
    'config.ts',
    'posix.ts',
    'glob.ts',
    'deadline.ts',
    'journal',
    'switch/client.ts',
    'switch/client-calls.ts',
    'switch/state.ts',
    'rpc',
    'storage',
  ],
  // Calls are followed as the services answer them.
  timeline: ['rpc', 'wire'],
  config: [],
  // What the page shows comes from the switch's trace, without secrets; the rest of the facts the daemon puts together.
  admin: ['wire', 'redact.ts', 'switch/protocol.ts'],
};

/** The files beside the rooms; `daemon.ts` and `main.ts` put everything together. */
const TOP_LEVEL: Readonly<Record<string, readonly string[]>> = {
  'config.ts': ['config'],
  'log.ts': ['redact.ts'],
  'log-limit.ts': [],
  'redact.ts': [],
  'glob.ts': [],
  'deadline.ts': [],
  'posix.ts': [],
  'log-levels.ts': ['config.ts', 'log.ts'],
  'reporter.ts': ['log.ts', 'log-limit.ts'],
  'sockets.ts': ['config.ts', 'log.ts', 'posix.ts', 'reporter.ts', 'socket', 'wire'],
  // Words about everything: types of all rooms.
  'diagnostics.ts': [
    'config.ts',
    'daemon/storage-report.ts',
    'redact.ts',
    'rpc',
    'service',
    'socket',
    'storage',
    'switch',
    'xenstore',
  ],
};
// And the folder of `daemon.ts`, its parts.
const UNRESTRICTED = ['daemon.ts', 'main.ts'];

const LONGEST_FILE = 350;

const source = join(import.meta.dirname, '../../src');
const files = globSync('**/*.ts', { cwd: source }).sort();
const read = (file: string): string => readFileSync(join(source, file), 'utf8');

/** The files of ours that a file imports, types included, as paths below `src`. */
const importsOf = (file: string): string[] =>
  [...read(file).matchAll(/(?:from |import |import\()'(\.{1,2}\/[^']+)'/g)].map(([, path = '']) =>
    relative(source, join(source, dirname(file), path)),
  );

const roomOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : file);

for (const file of files.filter((name) => !UNRESTRICTED.includes(name) && !name.startsWith('daemon/'))) {
  test(`${file} imports only what its room may`, () => {
    const room = roomOf(file);
    const allowed = ALLOWED[room] ?? TOP_LEVEL[room];
    assert.ok(allowed, `${room} is no room: give it a place in this table, or its files one in a room`);
    const forbidden = importsOf(file)
      .filter((path) => !path.startsWith('../package.json'))
      .filter((path) => ![room, ...allowed].some((place) => path === place || path.startsWith(`${place}/`)));
    assert.deepEqual(forbidden, [], `${room} may import ${allowed.join(', ') || 'nothing of ours'}`);
  });
}

test('what runs in the browser imports nothing from outside of its folder', () => {
  const page = files.filter((file) => file.startsWith('admin/page/'));
  assert.ok(page.length > 0);
  assert.deepEqual(
    page.flatMap((file) => importsOf(file)).filter((path) => !path.startsWith('admin/page/')),
    [],
  );
});

test('nobody imports the daemon but the program', () => {
  assert.deepEqual(
    files.filter((file) => importsOf(file).includes('daemon.ts')),
    ['main.ts'],
  );
});

test('no files import each other in a circle', () => {
  const imports = new Map(files.map((file) => [file, importsOf(file)]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `a circle: ${[...path, file].join(' → ')}`);
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test(`no file is longer than ${LONGEST_FILE} lines`, () => {
  const long = files.filter((file) => read(file).split('\n').length > LONGEST_FILE);
  assert.deepEqual(long, [], 'a file that long wants to be two');
});
