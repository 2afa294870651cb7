import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeResponse } from '../../src/switch/http-codec.ts';
import type { Message, Out, TraceEvent } from '../../src/switch/protocol.ts';

const STARTED = 1000;

const message = (payload: string | Buffer, fields: Partial<Message> = {}): Message => ({
  id: { queue: 'q', id: 0 },
  payload: Buffer.from(payload),
  kind: { type: 'request', replyTo: 'r' },
  origin: 'alice',
  time: STARTED + 2,
  ...fields,
});

const messages = (...all: Message[]): Out => ({ type: 'messages', messages: all, next: 0 });

const sentEvent: TraceEvent = {
  number: 3,
  time: 1_500_000_000_250,
  input: 'alice',
  queue: 'q',
  output: undefined,
  what: {
    type: 'message',
    id: { queue: 'q', id: 1 },
    payload: Buffer.from('x'),
    kind: { type: 'request', replyTo: 'r' },
  },
  processingTime: undefined,
};

const ANSWERS: readonly (readonly [what: string, out: Out, status: number, body: string])[] = [
  ['done', { type: 'done' }, 200, ''],
  ['a queue that is there', { type: 'created', queue: 'a"é' }, 200, 'a"é'],
  ['a message sent', { type: 'sent', id: { queue: 'a"b', id: 7 } }, 200, '[["a\\"b",7]]'],
  ['a message for a queue that is not there', { type: 'sent', id: undefined }, 200, '[]'],
  ['no message', { type: 'messages', messages: [], next: -1 }, 200, '{"messages":[],"next":"-1"}'],
  [
    'messages',
    {
      type: 'messages',
      messages: [
        message('{"a": 1}'),
        message('', { id: { queue: 'p', id: 9 }, kind: { type: 'response', to: { queue: 'q', id: 5 } } }),
      ],
      next: 9,
    },
    200,
    '{"messages":[[["q",0],{"payload":"{\\"a\\": 1}","kind":["Request","r"]}],' +
      '[["p",9],{"payload":"","kind":["Response",["q",5]]}]],"next":"9"}',
  ],
  ['names', { type: 'names', names: ['b', 'a"'] }, 200, '["b","a\\""]'],
  ['no names', { type: 'names', names: [] }, 200, '[]'],
  ['no events', { type: 'events', events: [] }, 200, '{"events":[]}'],
  [
    'events',
    {
      type: 'events',
      events: [
        sentEvent,
        { ...sentEvent, number: 4, input: undefined, output: 'bob', processingTime: 0.25 },
        { ...sentEvent, number: 5, what: { type: 'ack', id: { queue: 'q', id: 1 } } },
      ],
    },
    200,
    '{"events":[[3,{"time":1500000000.25,"input":"alice","queue":"q",' +
      '"message":["Message",["q",1],{"payload":"x","kind":["Request","r"]}]}],' +
      '[4,{"time":1500000000.25,"queue":"q","output":"bob",' +
      '"message":["Message",["q",1],{"payload":"x","kind":["Request","r"]}],"processing_time":250000}],' +
      '[5,{"time":1500000000.25,"input":"alice","queue":"q","message":["Ack",["q",1]]}]]}',
  ],
  [
    'diagnostics',
    {
      type: 'diagnostics',
      report: {
        uptime: 12.5,
        started: STARTED,
        persistent: [
          { name: 'q', nextTransfer: STARTED + 5, messages: [message('x')] },
          { name: 'é', nextTransfer: undefined, messages: [] },
        ],
        transient: [{ name: 'r', nextTransfer: undefined, messages: [] }],
      },
    },
    200,
    '{"start_time":0,"current_time":12500000,"permanent_queues":{"q":{"next_transfer_expected":5000000,' +
      '"queue_contents":[[["q",0],{"origin":["Name","alice"],"time":2000000,' +
      '"message":{"payload":"x","kind":["Request","r"]}}]]},"é":{"queue_contents":[]}},' +
      '"transient_queues":{"r":{"queue_contents":[]}}}',
  ],
  [
    'a part of the diagnostics',
    {
      type: 'diagnostics',
      report: {
        uptime: 12.5,
        started: STARTED,
        persistent: [
          {
            name: 'q',
            nextTransfer: undefined,
            messages: [{ ...message(''), payloadBytes: 9 }],
            total: { messages: 3, bytes: 20 },
          },
        ],
        transient: [],
      },
    },
    200,
    '{"start_time":0,"current_time":12500000,"permanent_queues":{"q":{"queue_length":3,"queue_bytes":20,' +
      '"queue_contents":[[["q",0],{"origin":["Name","alice"],"time":2000000,"payload_bytes":9,' +
      '"message":{"payload":"","kind":["Request","r"]}}]]}},"transient_queues":{}}',
  ],
  ['a refusal', { type: 'refused', status: 503, reason: 'too many' }, 503, 'too many'],
];

for (const [what, out, status, body] of ANSWERS) {
  test(`${what}: status ${status} and the body as xapi's clients read it`, () => {
    const written = writeResponse(out);
    assert.equal(written.status, status);
    assert.equal(written.body.toString(), body);
  });
}

test('every payload that is UTF-8 comes out as JSON of the same text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '\0', '\u007f', '\u2028', '\ufeff'),
      (text, odd) => {
        const payload = odd + text + odd;
        const body = Buffer.from(writeResponse(messages(message(payload))).body);
        assert.equal(JSON.parse(body.toString()).messages[0][1].payload, payload);
      },
    ),
  );
});

test('control characters in a payload are escaped', () => {
  const { body } = writeResponse(messages(message('\0\u0001\b\t\n\f\r\u001f"\\/\u007f')));
  const payload = '"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001f\\"\\\\/\u007f"';
  assert.equal(
    body.toString(),
    `{"messages":[[["q",0],{"payload":${payload},"kind":["Request","r"]}]],"next":"0"}`,
  );
});

const NOT_UTF8 = [
  ['bytes above ASCII', [0x61, 0xff, 0x80, 0x9f, 0x62]],
  ['half a character', [0xe2, 0x82]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['an overlong NUL', [0xc0, 0x80]],
] as const;

for (const [what, bytes] of NOT_UTF8) {
  test(`${what} in a payload that is no UTF-8 stay the bytes that they are, among others that are`, () => {
    const odd = message(Buffer.from(bytes));
    const { body } = writeResponse(messages(message('é'), odd, message('€')));
    const [before, after] = ['é', '€'].map((text) => `{"payload":"${text}","kind":["Request","r"]}`);
    assert.deepEqual(
      body,
      Buffer.concat([
        Buffer.from(`{"messages":[[["q",0],${before}],[["q",0],{"payload":"`),
        Buffer.from(bytes),
        Buffer.from(`","kind":["Request","r"]}],[["q",0],${after}]],"next":"0"}`),
      ]),
    );
  });
}

test('any bytes at all come back from an answer that is read byte by byte', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const body = Buffer.from(writeResponse(messages(message(Buffer.from(bytes)))).body);
      const { payload } = JSON.parse(body.toString('latin1')).messages[0][1];
      // Read as one character a byte, as a client does whose texts are bytes.
      assert.deepEqual(Buffer.from(payload, 'latin1'), Buffer.from(bytes));
    }),
  );
});
