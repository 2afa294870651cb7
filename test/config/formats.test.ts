import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Parsed,
  parseChoice,
  parseCount,
  parseDomains,
  parseDuration,
  parseFlag,
  parseMode,
  parsePath,
  parseQueueName,
  parseSize,
  parseStorePath,
  parseText,
} from '../../src/config/formats.ts';

const NOT_READ = 'not read';

const read = <T>(parsed: Parsed<T>): T | typeof NOT_READ =>
  parsed.type === 'value' ? parsed.value : NOT_READ;

/** Each reader with what it takes, and what that means, and with what it does not take. */
const FORMATS: readonly {
  name: string;
  parse: (raw: unknown) => Parsed<unknown>;
  good: readonly (readonly [raw: unknown, value: unknown])[];
  bad: readonly unknown[];
}[] = [
  {
    name: 'duration',
    parse: (raw) => parseDuration(raw, 1),
    good: [
      ['500ms', 500],
      ['30s', 30_000],
      ['30 s', 30_000],
      [' 30s ', 30_000],
      ['5m', 300_000],
      ['5min', 300_000],
      ['1h', 3_600_000],
      ['30', 30_000],
      [30, 30_000],
      ['1.5s', 1500],
      [1.5, 1500],
      ['0.5ms', 1],
      ['0.0005', 1],
      ['007s', 7000],
      ['1ms', 1],
      ['576h', 2_073_600_000],
    ],
    bad: [
      '',
      ' ',
      'ms',
      's30',
      '30S',
      '30sec',
      '30  s',
      '1h30m',
      '0',
      0,
      '0ms',
      '0.4ms',
      -1,
      '-1s',
      '+1s',
      '1e3',
      1e21,
      1e-7,
      '0x10',
      '.5s',
      '1.s',
      '1,5s',
      '576.1h',
      '2073600001ms',
      '9'.repeat(15),
      '9'.repeat(400),
      '5constructor',
      '5toString',
      '5__proto__',
      '１s',
      Number.NaN,
      Number.POSITIVE_INFINITY,
      true,
      null,
      ['1s'],
      {},
      1n,
    ],
  },
  {
    name: 'duration that may be nothing',
    parse: (raw) => parseDuration(raw, 0),
    good: [
      ['0', 0],
      [0, 0],
      ['0ms', 0],
      ['0.4ms', 0],
    ],
    bad: ['', '-0', '-1ms'],
  },
  {
    name: 'size',
    parse: (raw) => parseSize(raw, 1),
    good: [
      ['64KiB', 65_536],
      ['16MiB', 16_777_216],
      ['16 MiB', 16_777_216],
      ['1GiB', 1_073_741_824],
      ['1kB', 1000],
      ['1MB', 1_000_000],
      ['1GB', 1_000_000_000],
      ['12B', 12],
      ['12', 12],
      [12, 12],
      ['0.5KiB', 512],
      ['999999999999999', 999_999_999_999_999],
    ],
    bad: [
      '',
      '0',
      0,
      '0MiB',
      '0.4',
      '-1',
      -1,
      '1K',
      '1KB',
      '1kib',
      '1TiB',
      '1s',
      '9000000GiB',
      '9007199254740991',
      '1e6',
      1e21,
      false,
    ],
  },
  { name: 'size that may be nothing', parse: (raw) => parseSize(raw, 0), good: [['0', 0]], bad: ['', '-1'] },
  {
    name: 'count',
    parse: (raw) => parseCount(raw, 1),
    good: [
      [1, 1],
      ['1', 1],
      ['010', 10],
      [1e3, 1000],
      [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ],
    bad: [
      '',
      0,
      '0',
      -1,
      '-1',
      1.5,
      '1.5',
      '1e3',
      '1_000',
      ' 1',
      '9'.repeat(16),
      2 ** 53,
      Number.NaN,
      true,
      [1],
    ],
  },
  {
    name: 'mode',
    parse: parseMode,
    good: [
      ['0600', 0o600],
      ['600', 0o600],
      ['0o660', 0o660],
      ['000', 0],
      ['777', 0o777],
    ],
    // A number too, because a decimal 440 would be 0670.
    bad: ['', '60', '0800', '1777', '06000', 'rw', ' 0600', 440, 0o600, 600],
  },
  {
    name: 'flag',
    parse: parseFlag,
    good: [
      ['true', true],
      ['false', false],
      [true, true],
      [false, false],
    ],
    bad: ['', 'yes', 'no', 'True', '1', 0, 1, null],
  },
  {
    name: 'text',
    parse: parseText,
    good: [
      ['', ''],
      ['é €', 'é €'],
    ],
    bad: ['a\0b', 1, true, null, []],
  },
  { name: 'path', parse: parsePath, good: [['./run', './run']], bad: ['', 'a\0b', 1] },
  {
    name: 'queue name',
    parse: parseQueueName,
    good: [
      ['org.xen.xapi.datapath', 'org.xen.xapi.datapath'],
      ['a', 'a'],
      ['_a-b:c.9', '_a-b:c.9'],
    ],
    bad: ['', '.', '..', '.a', '-a', 'a/b', '/a', 'a b', 'a\n', 'a\0', 'é', 1],
  },
  {
    name: 'path in xenstore',
    parse: parseStorePath,
    good: [
      ['xapi/storage/sr', 'xapi/storage/sr'],
      ['a', 'a'],
    ],
    bad: ['', '/', '/a', 'a/', 'a//b', 'a b', 'a.b', 'a\n', 1],
  },
  {
    name: 'domains',
    parse: parseDomains,
    good: [
      ['', []],
      [[], []],
      ['5', ['5']],
      [5, ['5']],
      ['5, 6,7', ['5', '6', '7']],
      [
        [5, '6'],
        ['5', '6'],
      ],
      ['32751', ['32751']],
      ['0A1B2C3D-0000-4000-8000-000000000001', ['0A1B2C3D-0000-4000-8000-000000000001']],
      [
        ['0a1b2c3d-0000-4000-8000-000000000001', 0],
        ['0a1b2c3d-0000-4000-8000-000000000001', '0'],
      ],
    ],
    bad: [' ', ',', '5,', '5,,6', 'dom5', '-1', '32752', 1.5, [''], [['5']], [true], true, {}, '0a1b2c3d'],
  },
  {
    name: 'choice',
    parse: (raw) => parseChoice(raw, ['auto', 'json']),
    good: [['json', 'json']],
    bad: ['', 'JSON', 'jso', ' json', 1, ['json']],
  },
];

for (const { name, parse, good, bad } of FORMATS) {
  for (const [raw, value] of good) {
    test(`a ${name} reads ${typeof raw} ${JSON.stringify(raw)}`, () => {
      assert.deepEqual(read(parse(raw)), value);
    });
  }
  for (const raw of bad) {
    test(`a ${name} is not ${typeof raw} ${String(raw).slice(0, 30)}`, () => {
      assert.equal(read(parse(raw)), NOT_READ);
    });
  }
}

test('whatever is given, a reader gives a value or says what it expected', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.anything(), fc.string(), fc.double()),
      fc.constantFrom(...FORMATS),
      (raw, { parse }) => {
        const parsed = parse(raw);
        assert.ok(parsed.type === 'value' || parsed.what.length > 0);
      },
    ),
  );
});

test('a number with a unit is that many of the unit', () => {
  const units = { ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000 };
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.entries(units)),
      fc.integer({ min: 1, max: 576 }),
      ([unit, ms], count) => {
        assert.equal(read(parseDuration(`${count}${unit}`, 1)), count * ms);
      },
    ),
  );
});
