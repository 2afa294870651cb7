import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config.ts';
import { complaint } from './helpers.ts';

const load = (...flags: string[]) => loadConfig(flags, {});

test('a flag takes its value behind an equals sign or as the next word', () => {
  assert.equal(load('--log.level=debug').config.log.level, 'debug');
  assert.equal(load('--log.level', 'debug').config.log.level, 'debug');
  assert.equal(load('--switch.path=', '--log.level', 'warn').config.log.level, 'warn');
});

test('a value may have an equals sign and dashes in it', () => {
  assert.equal(load('--sockets.directory=--a=b').config.sockets.directory, '--a=b');
  assert.equal(load('--sockets.directory', '-x').config.sockets.directory, '-x');
});

test('of a flag given twice the last one wins', () => {
  const { config, places } = load('--sockets.maxDepth=1', '--sockets.maxDepth', '2', '--sockets.maxDepth=3');
  assert.equal(config.sockets.maxDepth, 3);
  assert.equal(places.get('sockets.maxDepth'), 'flag --sockets.maxDepth');
});

test('a list given twice is the last one, not both', () => {
  const { config } = load('--xenstore.driverDomains=1,2', '--xenstore.driverDomains=3');
  assert.deepEqual(config.xenstore.driverDomains, ['3']);
});

test('a boolean is true or false', () => {
  assert.equal(load('--storage.enabled=false').config.storage.enabled, false);
  assert.equal(load('--storage.enabled', 'false').config.storage.enabled, false);
  assert.equal(load('--storage.enabled=false', '--storage.enabled=true').config.storage.enabled, true);
});

test('what is asked for is told apart from settings', () => {
  assert.equal(load().command, 'run');
  assert.equal(load('--help').command, 'help');
  assert.equal(load('--version').command, 'version');
  assert.equal(load('--check-config', '--log.level=debug').command, 'check-config');
  assert.equal(load('--log.level', 'debug', '--print-config').command, 'print-config');
});

test('help and version are given whatever the sources say', () => {
  const wrong = { DATAPATHD_NOPE: '1' };
  assert.equal(loadConfig(['--help', '--config=/nowhere'], wrong).command, 'help');
  assert.equal(loadConfig(['--log.level=loud', '--version'], wrong).command, 'version');
});

const REFUSED: readonly (readonly [flags: readonly string[], line: string])[] = [
  [['--log.level'], '--log.level: expected a value, as in --log.level=…'],
  [['--storage.enabled'], '--storage.enabled: expected a value, as in --storage.enabled=…'],
  [['--log.level', '--version'], '--log.level: expected a value, as in --log.level=…'],
  [['--config'], '--config: expected a value, as in --config=…'],
  [['--config='], '--config: expected a file, got ""'],
  [['--version=1'], '--version: expected no value, got "1"'],
  [['--help=false'], '--help: expected no value, got "false"'],
  [['-h'], 'h: no such setting (flag -h); did you mean help?'],
  [['--verson'], 'verson: no such setting (flag --verson); did you mean version?'],
  [['--conf', 'x'], 'conf: no such setting (flag --conf); did you mean config?'],
  [['--check'], 'check: no such setting (flag --check); did you mean check-config?'],
  [
    ['--sockets.dir=/x'],
    'sockets.dir: no such setting (flag --sockets.dir); did you mean sockets.directory?',
  ],
  [
    ['--Sockets.Directory=/x'],
    'Sockets.Directory: no such setting (flag --Sockets.Directory); did you mean sockets.directory?',
  ],
  [
    ['--sockets.max_connections=5'],
    'sockets.max_connections: no such setting (flag --sockets.max_connections); did you mean sockets.maxConnections?',
  ],
  [['--maxQueues=5'], 'maxQueues: no such setting (flag --maxQueues); did you mean switch.maxQueues?'],
  [['--switch.queue=x'], 'switch.queue: no such setting (flag --switch.queue); did you mean switch.mode?'],
  [
    ['--no-storage.enabled'],
    'no-storage.enabled: no such setting (flag --no-storage.enabled); did you mean storage.enabled?',
  ],
  [['--__proto__=1'], '__proto__: no such setting (flag --__proto__); did you mean version?'],
  [['--toString=1'], 'toString: no such setting (flag --toString); did you mean config?'],
  [['serve'], '"serve": expected a flag, such as --log.level=debug; see --help'],
  [[''], '"": expected a flag, such as --log.level=debug; see --help'],
  [
    ['--', '--log.level=debug'],
    '"--log.level=debug": expected a flag, such as --log.level=debug; see --help',
  ],
];

for (const [flags, line] of REFUSED) {
  test(`${JSON.stringify(flags)} ends the start`, () => {
    assert.equal(complaint({ flags }), line);
  });
}

test('whatever stands in a flag, the complaint is one line', () => {
  for (const flags of [
    ['--a\nb=1'],
    ['a\nb\u2028\x1b[31m'],
    ['--log.level=\n'],
    ['--config=/no\nwhere'],
    ['--\r=1'],
  ]) {
    assert.doesNotMatch(complaint({ flags }), /[\p{Cc}\p{Zl}\p{Zp}]/u);
  }
});

test('a long value is not shown whole', () => {
  const line = complaint({ flags: [`--log.level=${'x'.repeat(100_000)}`] });
  assert.ok(line.length < 300, line);
  assert.match(line, /x…/);
});
