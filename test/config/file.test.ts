import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readFile } from '../../src/config/sources.ts';
import { loadConfig, resolveXenstoreSocket } from '../../src/config.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { complaint, complaintOfFile, configFile } from './helpers.ts';

const load = (t: TestContext, text: string) => loadConfig(['--config', configFile(t, text)], {});
const DEFAULTS = loadConfig([], {}).config;

test('the default file changes nothing', () => {
  const path = join(import.meta.dirname, '../../config/datapathd.toml');
  const { config, places } = loadConfig(['--config', path], {});
  assert.deepEqual(config, DEFAULTS);
  assert.equal(places.size, 0);
});

test('the default file with every line in force changes nothing either', (t) => {
  const path = join(import.meta.dirname, '../../config/datapathd.toml');
  const text = readFileSync(path, 'utf8').replace(/^#(?=\w+ = )/gm, '');
  const { config, places } = load(t, text);
  assert.deepEqual(config, DEFAULTS);
  assert.equal(places.get('sockets.directory')?.replace(/.*:/, ''), '8');
});

test('tables, dotted keys and inline tables are all read', (t) => {
  const { config, places } = load(
    t,
    `log.level = "debug"
shutdown = { timeout = 5 }
[sockets] # comment
  "mode" = '0660'
maxRequestBytes = 1024
[ switch ]
mode = "off"`,
  );
  assert.equal(config.log.level, 'debug');
  assert.equal(config.shutdown.timeout, 5000);
  assert.equal(config.sockets.mode, 0o660);
  assert.equal(config.sockets.maxRequestBytes, 1024);
  assert.equal(config.switch.mode, 'off');
  const lines = [
    'log.level',
    'shutdown.timeout',
    'sockets.mode',
    'sockets.maxRequestBytes',
    'switch.mode',
  ].map((name) => Number(places.get(name)?.replace(/.*:/, '')));
  assert.deepEqual(lines, [1, 2, 4, 5, 7]);
});

test('a list is an array of texts or numbers, or one text with commas', (t) => {
  for (const written of ['["5", "6"]', '[5, 6]', '"5, 6"', '"5,6"']) {
    assert.deepEqual(load(t, `[xenstore]\ndriverDomains = ${written}`).config.xenstore.driverDomains, [
      '5',
      '6',
    ]);
  }
});

test('a file may be empty, begin with a byte order mark, and end its lines as Windows does', (t) => {
  assert.deepEqual(load(t, '').config, DEFAULTS);
  assert.equal(load(t, '\ufeff[log]\r\nlevel = "warn"\r\n').config.log.level, 'warn');
});

test('a file that is not named need not be there', () => {
  assert.deepEqual(readFile('/nowhere/datapathd.toml', false), []);
});

test('a file that is named must be there', () => {
  assert.equal(
    complaint({ flags: ['--config=/nowhere/x.toml'] }),
    "/nowhere/x.toml: cannot be read: ENOENT: no such file or directory, open '/nowhere/x.toml'",
  );
});

test('the last file named is read', (t) => {
  const path = configFile(t, 'log.level = "warn"');
  assert.equal(loadConfig(['--config=/nowhere', '--config', path], {}).config.log.level, 'warn');
});

test('a folder is no file, named or not', (t) => {
  const path = tempDirectory(t);
  const line = `${path}: cannot be read: EISDIR: illegal operation on a directory, read`;
  assert.equal(complaint({ flags: ['--config', path] }), line);
  assert.throws(() => readFile(path, false), { message: line });
});

test('a file that may not be read ends the start, named or not', (t) => {
  const path = configFile(t, '');
  chmodSync(path, 0);
  const message = `${path}: cannot be read: EACCES: permission denied, open '${path}'`;
  asNobody(() => {
    assert.throws(() => readFile(path, true), { message });
    assert.throws(() => readFile(path, false), { message });
  });
});

/** Root may read everything: for this test we are someone else. */
function asNobody(run: () => void): void {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    run();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

const REFUSED: readonly (readonly [text: string | Buffer, line: string])[] = [
  ['[log]\nlevel =\n', 'FILE:2: Invalid TOML document: invalid value'],
  ['[sockets]\nmode = 0600', 'FILE:2: Invalid TOML document: illegal leading zero'],
  [
    '[log]\nlevel = "warn"\nlevel = "info"',
    'FILE:3: Invalid TOML document: trying to redefine an already defined table or value',
  ],
  [
    '[sockets]\nmaxDepth = 9223372036854775807',
    'FILE:2: Invalid TOML document: integer value cannot be represented losslessly',
  ],
  [Buffer.from([0x23, 0xff, 0x0a]), 'FILE: expected TOML, which is UTF-8, got other bytes'],
  ['\n[sockets]\n\nmod = "0600"', 'sockets.mod: no such setting (FILE:4); did you mean sockets.mode?'],
  ['[socket]\nmode = "0600"', 'socket.mode: no such setting (FILE:2); did you mean sockets.mode?'],
  ['\n\n[stuff]\n', 'stuff: no such setting (FILE:3); did you mean switch.mode?'],
  ['maxQueues = 5', 'maxQueues: no such setting (FILE:1); did you mean switch.maxQueues?'],
  ['# x\nlog = "debug"', 'log: expected a table, as in [log], got "debug" (FILE:2)'],
  ['\n[[log]]\nlevel = "debug"', 'log: expected a table, as in [log], got [{"level":"debug"}] (FILE:2)'],
  [
    '[switch]\nmode = "off"\n[[switch.noListeners]]\nqueue = "x"',
    'switch.noListeners: no such setting (FILE:3); did you mean switch.noListener?',
  ],
  [
    '[log.level]\nx = 1',
    'log.level: expected one of trace, debug, info, warn, error, fatal, silent, got {"x":1} (FILE:1)',
  ],
  ['[__proto__]\nx = 1', '__proto__.x: no such setting (FILE:2); did you mean log.format?'],
  ['[log]\n__proto__ = 1', 'log.__proto__: no such setting (FILE:2); did you mean log.format?'],
  [
    '[sockets]\nmode = 440',
    'sockets.mode: expected permission bits as a text of octal digits, such as "0600", got 440 (FILE:2)',
  ],
  ['[sockets]\nmaxDepth = nan', 'sockets.maxDepth: expected a whole number of at least 1, got NaN (FILE:2)'],
  ['[sockets]\ndirectory = 1979-05-27', 'sockets.directory: expected a path, got "1979-05-27" (FILE:2)'],
  ['[storage]\nenabled = "yes"', 'storage.enabled: expected true or false, got "yes" (FILE:2)'],
  [
    '[xenstore]\ndriverDomains = [\n  "5",\n  "",\n]',
    'xenstore.driverDomains: expected a list, or one text with commas, of domids from 0 to 32751 and uuids of VMs, got ["5",""] (FILE:2)',
  ],
];

for (const [text, line] of REFUSED) {
  test(`a file with ${JSON.stringify(`${text}`)} ends the start`, (t) => {
    assert.equal(complaintOfFile(t, text), line);
  });
}

test("xenstored's socket is the one that is set, else the one its own tools are told", () => {
  const { config } = loadConfig(['--xenstore.socket=/set'], {});
  assert.equal(resolveXenstoreSocket(config, { XENSTORED_PATH: '/told' }), '/set');
  assert.equal(resolveXenstoreSocket(DEFAULTS, { XENSTORED_PATH: '/told' }), '/told');
  assert.match(resolveXenstoreSocket(DEFAULTS, { XENSTORED_PATH: '' }), /^(\/var)?\/run\/xenstored\/socket$/);
});

test('rules by pattern are arrays of tables, in their order', (t) => {
  const { config } = load(
    t,
    '[[switch.noListener]]\nqueue = "a.*"\npolicy = "fail"\n[[switch.noListener]]\nqueue = "*"\npolicy = "30s"\n' +
      '[[switch.messageTtl]]\nqueue = "*"\nafter = 60\n' +
      '[[plugins.timeouts]]\nmethod = "Datapath.*"\nafter = "1min"\n',
  );
  assert.deepEqual(config.switch.noListener, [
    { queue: 'a.*', time: 0 },
    { queue: '*', time: 30_000 },
  ]);
  assert.deepEqual(config.switch.messageTtl, [{ queue: '*', time: 60_000 }]);
  assert.deepEqual(config.plugins.timeouts, [{ method: 'Datapath.*', time: 60_000 }]);
});

test('a rule with a field too many is refused', (t) => {
  const text = '[[switch.noListener]]\nqueue = "a"\npolicy = "fail"\nafter = "1s"\n';
  assert.throws(() => load(t, text), /switch\.noListener: expected tables with queue/);
});
