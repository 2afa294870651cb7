import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createLog } from '../src/log.ts';
import { createLogLevels, type LevelSettings } from '../src/log-levels.ts';

const INFO: LevelSettings = { level: 'info', levels: [] };
const MINUTE_MS = 60_000;

/** Levels on a log whose lines can be looked at, and a clock that the test holds. */
async function openLevels(t: TestContext, settings: LevelSettings = INFO) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-27T12:00:00Z') });
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const { logger } = await createLog({ level: settings.level, format: 'json', destination });
  const levels = createLogLevels(logger, settings, Date.now);
  const of = (subsystem: string) => levels.report().find((each) => each.subsystem === subsystem);
  const texts = (): unknown[] => lines.map(({ msg }) => msg);
  return { levels, lines, of, texts };
}

test('lines tell which part of the daemon they are of, and are logged by the level of that part', async (t) => {
  const { levels, lines } = await openLevels(t, {
    level: 'warn',
    levels: [{ subsystem: 'xenstore', level: 'debug' }],
  });
  for (const part of ['xenstore', 'switch'] as const) {
    levels.logger(part).debug({ of: part }, 'fine');
    levels.logger(part).warn('bad');
  }
  assert.deepEqual(
    lines.map(({ subsystem, msg }) => [subsystem, msg]),
    [
      ['xenstore', 'fine'],
      ['xenstore', 'bad'],
      ['switch', 'bad'],
    ],
  );
});

test('a level that is changed for a time is again what it was when that is over, and both are logged', async (t) => {
  const { levels, lines, of, texts } = await openLevels(t);
  const asked = levels.change({ subsystem: 'switch', level: 'debug', seconds: 600 }, 'the user 0');
  assert.equal(asked, undefined);
  assert.deepEqual(of('switch'), {
    subsystem: 'switch',
    level: 'debug',
    configured: 'info',
    until: '2026-11-27T12:10:00.000Z',
  });
  assert.equal(of('rpc')?.level, 'info');
  t.mock.timers.tick(10 * MINUTE_MS - 1);
  levels.logger('switch').debug('seen');
  t.mock.timers.tick(1);
  levels.logger('switch').debug('not seen');
  assert.deepEqual(texts(), [
    'the log level of switch is debug, and was info: the user 0 has set it until 2026-11-27T12:10:00.000Z',
    'seen',
    'the log level of switch is info, and was debug: its time is over',
  ]);
  const [{ about, from, to, by } = {}] = lines;
  assert.deepEqual([about, from, to, by], ['switch', 'info', 'debug', 'the user 0']);
  assert.deepEqual(of('switch'), { subsystem: 'switch', level: 'info', configured: 'info' });
});

test('the last change holds, with its own time', async (t) => {
  const { levels, of } = await openLevels(t);
  levels.change({ subsystem: 'rpc', level: 'debug', seconds: 60 }, 'me');
  levels.change({ subsystem: 'rpc', level: 'trace', seconds: 120 }, 'me');
  t.mock.timers.tick(MINUTE_MS);
  assert.equal(of('rpc')?.level, 'trace');
  levels.change({ subsystem: 'rpc', level: 'warn' }, 'me');
  t.mock.timers.tick(10 * MINUTE_MS);
  assert.deepEqual(of('rpc'), { subsystem: 'rpc', level: 'warn', configured: 'info' });
});

test('without a part all are meant, and without a level what the settings say', async (t) => {
  const { levels } = await openLevels(t, {
    level: 'info',
    levels: [{ subsystem: 'plugins', level: 'error' }],
  });
  levels.change({ level: 'debug' }, 'me');
  assert.ok(levels.report().every(({ level }) => level === 'debug'));
  levels.change({}, 'me');
  for (const { subsystem, level } of levels.report())
    assert.equal(level, subsystem === 'plugins' ? 'error' : 'info');
});

test('new settings end what was changed for a while', async (t) => {
  const { levels, of, texts } = await openLevels(t);
  levels.change({ subsystem: 'rpc', level: 'debug', seconds: 60 }, 'me');
  levels.configure({ level: 'warn', levels: [] });
  assert.deepEqual(of('rpc'), { subsystem: 'rpc', level: 'warn', configured: 'warn' });
  assert.equal(texts()[1], 'the log level of rpc is info, and was debug: the configuration was read again');
});

test('who makes the log silent is seen in it', async (t) => {
  const { levels, texts } = await openLevels(t);
  levels.change({ level: 'silent' }, 'the user 7');
  levels.logger('daemon').fatal('not seen');
  assert.ok(
    texts().includes(
      'the log level of daemon is silent, and was info: the user 7 has set it until a restart or a reload',
    ),
  );
  assert.ok(!texts().includes('not seen'));
});

for (const [change, reason] of [
  [
    { subsystem: 'store' },
    /^subsystem: expected one of daemon, switch, sockets, rpc, storage, plugins, xenstore, journal, monitoring, got "store"$/,
  ],
  [{ level: 'loud' }, /^level: expected one of trace, debug, info, warn, error, fatal, silent, got "loud"$/],
  [{ level: 'debug', seconds: 0 }, /^seconds: expected a number above 0, at most 604800 \(7 days\), got 0$/],
  [{ level: 'debug', seconds: 604_801 }, /^seconds: .* got 604801$/],
  [{ level: 'debug', seconds: '10m' }, /^seconds: .* got "10m"$/],
  [{ seconds: 1 }, /^seconds: expected none without a level, got 1$/],
] as const) {
  test(`${JSON.stringify(change)} is refused, and changes nothing`, async (t) => {
    const { levels, lines } = await openLevels(t);
    const before = levels.report();
    assert.match(levels.change(change, 'me') ?? '', reason);
    assert.deepEqual(levels.report(), before);
    assert.deepEqual(lines, []);
  });
}
