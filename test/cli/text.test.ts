import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readState, readTransferred } from '../../src/cli/answers.ts';
import { cut, harmless, harmlessLines, payloadText, size, span, table } from '../../src/cli/text.ts';

test('whatever a text holds, nothing of it moves a cursor or breaks a line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(harmless(text), /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      assert.doesNotMatch(harmlessLines(text).replace(/[\n\t]/g, ''), /\p{Cc}/u);
    }),
  );
});

test('what is harmless stays as it is', () => {
  assert.equal(harmless('org.xen é € 𝄞 "\\'), 'org.xen é € 𝄞 "\\');
  assert.equal(harmlessLines('a\n\tb'), 'a\n\tb');
});

test('a payload that is no UTF-8 shows its other bytes by number', () => {
  assert.equal(payloadText(Buffer.from([0x41, 0xff, 0xc3, 0x42])), 'A\\xff\\xc3B');
});

const SPANS: readonly (readonly [number, string])[] = [
  [0, '0.0 ms'],
  [9.44, '9.4 ms'],
  [350, '350 ms'],
  [59_990, '59.9 s'],
  [60_000, '1 min'],
  [303_000, '5 min 3 s'],
  [3_600_000, '1 h'],
  [90_000_000, '1 d 1 h'],
];
for (const [ms, expected] of SPANS) {
  test(`${ms} ms are ${expected}`, () => assert.equal(span(ms), expected));
}

test('sizes are in the largest unit of which there is one', () => {
  assert.deepEqual([0, 1023, 1536, 3 * 2 ** 20, 2 ** 40].map(size), [
    '0 B',
    '1023 B',
    '1.5 KiB',
    '3.0 MiB',
    '1024.0 GiB',
  ]);
});

test('what is cut has at most as many characters, with a mark at the end', () => {
  assert.deepEqual([cut('abc', 3), cut('abcd', 3), cut('𝄞𝄞𝄞𝄞', 3)], ['abc', 'ab…', '𝄞𝄞…']);
});

test('columns are as wide as their longest cell', () => {
  assert.equal(
    table(
      [
        ['a', '1', 'x'],
        ['bbb', '22', ''],
      ],
      [1],
    ),
    'a     1  x\nbbb  22\n',
  );
});

test('bytes of a payload come out of an answer as they are, beside names that are text', () => {
  const payload = Buffer.from([0xff, 0x5c, 0x22, 0xc3, 0xa9]);
  const body = Buffer.concat([
    Buffer.from('{"messages":[[["é",7],{"payload":"'),
    payload,
    Buffer.from('","kind":["Request","ü"]}]],"next":"7"}'),
  ]);
  const { messages, next } = readTransferred(body);
  assert.equal(next, '7');
  assert.deepEqual(messages, [
    {
      id: { queue: 'é', id: 7 },
      payload: Buffer.from([0xff, 0x22, 0xc3, 0xa9]),
      kind: { type: 'request', replyTo: 'ü' },
    },
  ]);
});

test('a state with such a payload has the names of its queues', () => {
  const body = Buffer.concat([
    Buffer.from(
      '{"start_time":0,"current_time":9,"permanent_queues":{"é":{"queue_contents":[[["é",1],{"origin":["Anonymous","x"],"time":2,"message":{"payload":"',
    ),
    Buffer.from([0xff]),
    Buffer.from('","kind":["Response",["ü",3]]}}]]}},"transient_queues":{}}'),
  ]);
  assert.deepEqual(readState(body), {
    uptime: 9,
    queues: [
      {
        name: 'é',
        transient: false,
        nextTransfer: undefined,
        total: { messages: 1, bytes: 1 },
        messages: [
          {
            id: { queue: 'é', id: 1 },
            payload: Buffer.from([0xff]),
            kind: { type: 'response', to: { queue: 'ü', id: 3 } },
            origin: 'anonymous-x',
            age: 7,
            bytes: 1,
          },
        ],
      },
    ],
  });
});
