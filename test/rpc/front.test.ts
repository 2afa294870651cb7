import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Packr, Unpackr } from 'msgpackr';
import { parseJsonBytes, writeJson } from '../../src/wire/json.ts';
import type { Value } from '../../src/wire/value.ts';
import { connectClient, exchange } from '../helpers/client.ts';
import { runProgram } from '../helpers/programs.ts';
import { LIMITS, serveEverything } from './serve.ts';

/** What a call came to, whatever the protocol: its result, or the variant of its error. */
type Outcome = { readonly result: Value } | { readonly error: Value };
type Row = readonly [method: string, params: Value];

const json = (text: string): Value => {
  const value = parseJsonBytes(Buffer.from(text), { maxDepth: 100 });
  assert.ok(typeof value !== 'object' || value === null || !('reason' in value), text);
  return value as Value;
};

const member = (value: Value | undefined, name: string): Value | undefined =>
  typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;

function outcomeOf10(answer: Value): Outcome {
  const error = member(answer, 'error') ?? null;
  return error === null ? { result: member(answer, 'result') ?? null } : { error };
}

function outcomeOf20(answer: Value): Outcome {
  const error = member(answer, 'error');
  return error === undefined
    ? { result: member(answer, 'result') ?? null }
    : { error: member(error, 'data') ?? null };
}

const requestText = ([method, params]: Row, id: number, version?: '2.0'): string =>
  writeJson({ ...(version === undefined ? {} : { jsonrpc: version }), method, params: [params], id });

const lines = (text: string): string[] => text.trimEnd().split('\n');

// The types don't know 'auto' yet: a number where it is exact, else a bigint.
const unpacking: object = { int64AsType: 'auto', mapsAsObjects: true };
const unpackr = new Unpackr(unpacking);
const packr = new Packr({ useRecords: false });

/** Each makes the calls over one connection, in a protocol of its own, and gives what they came to. */
const PROTOCOLS: Record<string, (t: TestContext, path: string, rows: readonly Row[]) => Promise<Outcome[]>> =
  {
    'JSON text, 1.0': async (t, path, rows) => {
      const text = rows.map((row, at) => requestText(row, at)).join('\n');
      return lines(await exchange(t, path, text)).map((line) => outcomeOf10(json(line)));
    },
    'JSON text, 2.0, without line breaks': async (t, path, rows) => {
      const text = rows.map((row, at) => requestText(row, at, '2.0')).join('');
      return lines(await exchange(t, path, text)).map((line) => outcomeOf20(json(line)));
    },
    '16 digits of length': async (t, path, rows) => {
      const framed = rows.map((row, at) => {
        const body = Buffer.from(requestText(row, at));
        return Buffer.concat([Buffer.from(`${body.length}`.padStart(16, '0')), body]);
      });
      let answer = Buffer.from(await exchange(t, path, Buffer.concat(framed)));
      const outcomes: Outcome[] = [];
      while (answer.length > 0) {
        const end = 16 + Number(answer.subarray(0, 16));
        outcomes.push(outcomeOf10(json(answer.subarray(16, end).toString())));
        answer = answer.subarray(end);
      }
      return outcomes;
    },
    'JSON over HTTP with curl': async (t, path, rows) => {
      const outcomes: Outcome[] = [];
      for (const [at, row] of rows.entries()) {
        const args = ['-sS', '--unix-socket', path, '--data-binary', '@-', 'http://localhost/jsonrpc'];
        const { stdout, stderr } = await runProgram(t, 'curl', args, { input: requestText(row, at) });
        assert.equal(stderr, '');
        outcomes.push(outcomeOf10(json(stdout)));
      }
      return outcomes;
    },
    "XML-RPC with Python's client": async (t, path, rows) => {
      const program = join(import.meta.dirname, '../clients/xmlrpc_calls.py');
      const input = writeJson(rows.map(([method, params]) => [method, [params]]));
      const { stdout, stderr } = await runProgram(t, 'python3', [program, path], { input });
      assert.equal(stderr, '');
      const answers = json(stdout);
      assert.ok(Array.isArray(answers));
      return answers.map((answer) =>
        member(answer, 'Status') === 'Success'
          ? { result: member(answer, 'Value') ?? null }
          : { error: member(answer, 'ErrorDescription') ?? answer },
      );
    },
    'MessagePack-RPC': async (t, path, rows) => {
      const client = await connectClient(t, path);
      client.send(Buffer.concat(rows.map(([method, params], at) => packr.pack([0, at, method, [params]]))));
      client.end();
      const answers: unknown[] = unpackr.unpackMultiple(await client.receiveAll()) ?? [];
      return answers.map((answer, at) => {
        assert.ok(Array.isArray(answer));
        const [kind, id, error, result] = answer;
        assert.deepEqual([kind, id], [1, at]);
        return error === null ? { result } : { error };
      });
    },
  };

const VALUES: readonly (readonly [string, Value])[] = [
  ['a text', 'hello'],
  ['an empty text', ''],
  ['a text beyond ASCII', 'Grüße 你好 🚀'],
  ['a text with markup and quotes', '<a href="x">&amp;</a>\\'],
  ['several lines', 'one\ntwo\tthree'],
  ['an integer', 42],
  ['a negative integer', -1],
  ['an integer above 32 bits', 4_294_967_296],
  ['the largest exact double', 9_007_199_254_740_991],
  ['an integer above that', 9_007_199_254_740_993n],
  ['the largest of 64 bits', 9_223_372_036_854_775_807n],
  ['the smallest of 64 bits', -9_223_372_036_854_775_808n],
  ['a fraction', 0.1],
  ['true', true],
  ['null', null],
  ['an empty list', []],
  ['an empty struct', {}],
  [
    'lists and structs in each other',
    {
      disks: [
        { size: 1, tags: ['a', 'b'] },
        { size: 2, tags: [] },
      ],
    },
  ],
];

const CALLS: readonly (readonly [string, Row, Outcome])[] = [
  ...VALUES.map(([name, value]) => [name, ['Test.same', { value }], { result: value }] as const),
  ['an answer in a later turn', ['Test.later', { value: 'x' }], { result: 'x' }],
  ['a method that is not there', ['Test.foo', {}], { error: ['Unimplemented', 'Test.foo'] }],
  [
    'a wrong parameter',
    ['Test.sized', { length: 'long' }],
    {
      error: ['Internal_error', 'Test.sized: params.length: expected integer, got a string of 4 characters'],
    },
  ],
  [
    'a missing parameter',
    ['Test.sized', {}],
    { error: ['Internal_error', 'Test.sized: params.length: expected integer, got nothing'] },
  ],
  [
    'a failing method',
    ['Test.breaks', {}],
    { error: ['Internal_error', "Test.breaks failed: the daemon's log has the reason"] },
  ],
  [
    'an answer that is too large',
    ['Test.sized', { length: LIMITS.maxAnswerBytes + 1 }],
    {
      error: ['Internal_error', 'the answer is larger than sockets.maxAnswerBytes (200000) allows'],
    },
  ],
];

for (const [protocol, callAll] of Object.entries(PROTOCOLS)) {
  test(`${protocol}: the same calls come to the same results and errors`, async (t) => {
    const { path } = await serveEverything(t);
    const outcomes = await callAll(
      t,
      path,
      CALLS.map(([, row]) => row),
    );
    for (const [at, [name, , expected]] of CALLS.entries()) assert.deepEqual(outcomes[at], expected, name);
    assert.equal(outcomes.length, CALLS.length);
  });
}

const NOTIFICATION = '{"jsonrpc":"2.0","method":"Test.same","params":{"value":"n"}}';
const NOTIFICATIONS: Record<string, string | Buffer> = {
  'JSON 1.0': '{"method":"Test.same","params":[{"value":"n"}],"id":null}',
  'JSON 2.0': NOTIFICATION,
  '16 digits': `${NOTIFICATION.length}`.padStart(16, '0') + NOTIFICATION,
  MessagePack: packr.pack([2, 'Test.same', [{ value: 'n' }]]),
};

for (const [protocol, bytes] of Object.entries(NOTIFICATIONS)) {
  test(`${protocol}: a notification is carried out and not answered`, async (t) => {
    const { path, called } = await serveEverything(t);
    assert.equal(await exchange(t, path, bytes), '');
    assert.deepEqual(called, ['n']);
  });
}

test('HTTP: a notification is answered with 204 and nothing else', async (t) => {
  const { path, called } = await serveEverything(t);
  const head = `POST / HTTP/1.1\r\nContent-Length: ${NOTIFICATION.length}\r\n\r\n`;
  const answer = await exchange(t, path, head + NOTIFICATION);
  assert.match(answer, /^HTTP\/1.1 204 No Content\r\n/);
  assert.deepEqual(called, ['n']);
});

const batch = (count: number) =>
  `[${Array.from({ length: count }, (_, at) => `{"jsonrpc":"2.0","method":"Test.same","params":{"value":${at}},"id":${at}}`)}]`;

test('a batch is answered in its order by one array', async (t) => {
  const { path } = await serveEverything(t);
  const answers = json(await exchange(t, path, batch(3)));
  assert.ok(Array.isArray(answers));
  assert.deepEqual(
    answers.map((answer) => [member(answer, 'id'), member(answer, 'result')]),
    [
      [0, 0],
      [1, 1],
      [2, 2],
    ],
  );
});

test('a batch over sockets.maxBatchCalls is refused whole', async (t) => {
  const { path, called } = await serveEverything(t);
  assert.match(await exchange(t, path, batch(6)), /a batch of 6 calls is over sockets.maxBatchCalls \(5\)/);
  assert.deepEqual(called, []);
});

const ids = ['0', '-1', '9223372036854775807', '-9223372036854775808', '"a text"', '"<&>"'];
for (const id of ids) {
  test(`the id ${id} comes back exactly`, async (t) => {
    const { path } = await serveEverything(t);
    const answer = await exchange(t, path, `{"method":"Test.same","params":[{"value":1}],"id":${id}}`);
    assert.equal(answer, `{"result":1,"error":null,"id":${id}}\n`);
  });
}
