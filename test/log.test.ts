import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLog, type LogOptions } from '../src/log.ts';

/** A log whose lines can be looked at. */
async function openLog(options: Partial<Omit<LogOptions, 'destination'>> & { isTTY?: boolean } = {}) {
  const { level = 'info', format = 'auto', isTTY = false } = options;
  const lines: string[] = [];
  const destination = { isTTY, write: (line: string) => void lines.push(line) };
  const { logger, recentTroubles } = await createLog({ level, format, destination });
  const read = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line));
  return { logger, recentTroubles, lines, read };
}

test('a line is a JSON object with level, time, fields and message, and nothing of the machine', async () => {
  const { logger, lines, read } = await openLog();
  logger.info({ queue: 'q', ms: 1.5 }, 'served');
  assert.match(lines[0] ?? '', /^\{.*\}\n$/);
  const [{ time, ...rest } = { time: '' }] = read();
  assert.match(`${time}`, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, { level: 'info', queue: 'q', ms: 1.5, msg: 'served' });
});

test('only what is of the level or above is logged', async () => {
  const { logger, read } = await openLog({ level: 'warn' });
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) logger[level](level);
  assert.deepEqual(
    read().map(({ msg }) => msg),
    ['warn', 'error', 'fatal'],
  );
});

test('silent logs nothing', async () => {
  const { logger, lines } = await openLog({ level: 'silent' });
  logger.fatal('over');
  assert.deepEqual(lines, []);
});

test('auto is pretty on a terminal and JSON elsewhere; json and pretty are what they say', async () => {
  for (const [format, isTTY, pretty] of [
    ['auto', true, true],
    ['auto', false, false],
    ['json', true, false],
    ['pretty', false, true],
  ] as const) {
    const { logger, lines } = await openLog({ format, isTTY });
    logger.info({ queue: 'q' }, 'served');
    const text = lines.join('');
    assert.equal(text.startsWith('{'), !pretty);
    assert.match(text, /served/);
    assert.match(text, /queue/);
  }
});

test('pretty lines have colours on a terminal only', async () => {
  for (const isTTY of [true, false]) {
    const { logger, lines } = await openLog({ format: 'pretty', isTTY });
    logger.info('served');
    assert.equal(lines.join('').includes('\x1b['), isTTY);
  }
});

test('secrets stay out of fields, messages and errors, pretty or not', async () => {
  for (const format of ['json', 'pretty'] as const) {
    const { logger, lines } = await openLog({ format });
    const error = new Error('no nbd://me:hunter2@h', { cause: new Error('password=hunter2') });
    logger.info({ uri: 'nbd://me:hunter2@h', config: { chapPassword: 'hunter2' } }, 'nbd://me:hunter2@h');
    logger.info('password=hunter2');
    logger.error({ err: error }, error.message);
    logger.error({ err: error });
    logger.error(error);
    const text = lines.join('');
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /nbd:\/\/\*\*\*@h/);
  }
});

test('an error is logged with its type, message, stack and cause', async () => {
  const { logger, read } = await openLog();
  logger.error({ err: new TypeError('broken', { cause: new RangeError('why') }), more: 2 }, 'call failed');
  logger.error(new TypeError('alone'));
  const [first, second] = read();
  assert.partialDeepStrictEqual(first, {
    level: 'error',
    msg: 'call failed',
    more: 2,
    err: { type: 'TypeError', message: 'broken', cause: { type: 'RangeError', message: 'why' } },
  });
  assert.partialDeepStrictEqual(second, { msg: 'alone', err: { type: 'TypeError', message: 'alone' } });
});

test('percent signs in a message are no placeholders', async () => {
  const { logger, read } = await openLog();
  logger.info('100%s %d %o');
  logger.info({ a: 1 }, '100%s %j');
  assert.deepEqual(
    read().map(({ msg }) => msg),
    ['100%s %d %o', '100%s %j'],
  );
});

test('a line stays one line, whatever is logged', async () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
  });
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), anything, async (message, value) => {
      const { logger, lines } = await openLog();
      logger.warn({ value }, message);
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? '', /^[^\n]*\n$/);
      assert.equal(typeof JSON.parse(lines[0] ?? ''), 'object');
    }),
  );
});

test('the last warnings and errors are kept for diagnostics, oldest first, and no other lines', async () => {
  const { logger, recentTroubles } = await openLog();
  assert.deepEqual(recentTroubles(), []);
  logger.info('fine');
  for (let count = 0; count < 30; count += 1) logger[count % 2 === 0 ? 'warn' : 'error'](`trouble ${count}`);
  const kept = recentTroubles();
  assert.equal(kept.length, 20);
  assert.match(kept[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z trouble 10$/);
  assert.match(kept.at(-1) ?? '', /trouble 29$/);
});

test('what is kept has no secrets, is one line, and not longer than a screen', async () => {
  const { logger, recentTroubles } = await openLog();
  logger.warn({ a: 1 }, 'nbd://me:hunter2@h\nsecond line');
  logger.error(new Error('password=hunter2'));
  logger.error('x'.repeat(1_000_000));
  const [first = '', second = '', third = ''] = recentTroubles();
  assert.match(first, /Z nbd:\/\/\*\*\*@h second line$/);
  assert.match(second, /Z password=\*\*\*$/);
  assert.ok(third.length < 1100);
});

test('what was given of the troubles does not change by later ones', async () => {
  const { logger, recentTroubles } = await openLog();
  logger.warn('one');
  const kept = recentTroubles();
  logger.warn('two');
  assert.equal(kept.length, 1);
});
