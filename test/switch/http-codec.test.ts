import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRequest } from '../../src/switch/http-codec.ts';
import type { In, ReportView } from '../../src/switch/protocol.ts';

const MAX_TIMEOUT = 60_000;
const NOTHING = Buffer.alloc(0);

const read = (method: string, target: string, body: string | Buffer = NOTHING) =>
  readRequest(
    {
      type: 'request',
      method,
      target,
      contentType: undefined,
      body: Buffer.from(body),
      keepAlive: true,
      host: undefined,
      fromBrowser: false,
    },
    MAX_TIMEOUT,
  );

const transfer = (fields: Record<string, unknown>) =>
  read('POST', '/transfer', JSON.stringify({ timeout: 1, queues: ['q'], ...fields }));

const refused = (status: 400 | 404, reason: string) => ({ type: 'refused', status, reason });

/** What asks for a part of the report; all of what is not named. */
const narrowed = (view: Partial<ReportView>): In => ({
  type: 'diagnostics',
  view: {
    queue: undefined,
    messages: Number.POSITIVE_INFINITY,
    payloadBytes: Number.POSITIVE_INFINITY,
    ...view,
  },
});

const GETS: readonly (readonly [target: string, request: In])[] = [
  ['/', { type: 'diagnostics' }],
  ['/?', { type: 'diagnostics' }],
  ['/?others=1&queues=q', { type: 'diagnostics' }],
  ['/?queue=a%2F%3Fb%25', narrowed({ queue: 'a/?b%' })],
  ['/?messages=1&payloads=0', narrowed({ messages: 1, payloadBytes: 0 })],
  ['/?payloads=12', narrowed({ payloadBytes: 12 })],
  ['/login/alice:1', { type: 'login', token: 'alice:1' }],
  ['/login/', { type: 'login', token: '' }],
  ['/login/a%20b', { type: 'login', token: 'a b' }],
  ['/persistent/org.xen.xapi', { type: 'create', queue: 'org.xen.xapi', lifetime: 'persistent' }],
  ['/persistent/', { type: 'create', queue: '', lifetime: 'persistent' }],
  ['/transient/a%2Fb', { type: 'create', queue: 'a/b', lifetime: 'transient' }],
  ['/transient/%c3%A9%E2%82%AC', { type: 'create', queue: 'é€', lifetime: 'transient' }],
  ['/transient/%2525', { type: 'create', queue: '%25', lifetime: 'transient' }],
  ['/transient/a+b', { type: 'create', queue: 'a+b', lifetime: 'transient' }],
  ['/transient/a%00b', { type: 'create', queue: 'a\0b', lifetime: 'transient' }],
  ['/transient/..', { type: 'create', queue: '..', lifetime: 'transient' }],
  ['/persistent/q?x=%zz', { type: 'create', queue: 'q', lifetime: 'persistent' }],
  ['/destroy/q', { type: 'destroy', queue: 'q' }],
  ['/list/', { type: 'list', prefix: '', alive: false }],
  ['/list/org.%2F', { type: 'list', prefix: 'org./', alive: false }],
  ['/list/alive', { type: 'list', prefix: 'alive', alive: false }],
  ['/list/alive/', { type: 'list', prefix: '', alive: true }],
  ['/list/alive/org', { type: 'list', prefix: 'org', alive: true }],
  ['/ack/q/0', { type: 'ack', id: { queue: 'q', id: 0 } }],
  ['/ack/a%2Fb/12', { type: 'ack', id: { queue: 'a/b', id: 12 } }],
  ['/ack/q/-1', { type: 'ack', id: { queue: 'q', id: -1 } }],
  ['/ack/q/0007', { type: 'ack', id: { queue: 'q', id: 7 } }],
  ['/ack/q/9007199254740991', { type: 'ack', id: { queue: 'q', id: 2 ** 53 - 1 } }],
  ['/trace', { type: 'trace', from: -1, timeout: 5000 }],
  ['/trace/-1/5', { type: 'trace', from: -1, timeout: 5000 }],
  ['/trace/12/0.25', { type: 'trace', from: 12, timeout: 250 }],
  ['/trace/12/-1', { type: 'trace', from: 12, timeout: 0 }],
  ['/trace/0/1e-05', { type: 'trace', from: 0, timeout: 0.01 }],
  ['/trace/0/1e+20', { type: 'trace', from: 0, timeout: MAX_TIMEOUT }],
];

for (const [target, request] of GETS) {
  test(`GET ${target} is read`, () => assert.deepEqual(read('GET', target), request));
}

test('the payload of a request is what came, and its reply queue may have no name', () => {
  const payload = Buffer.from([0, 0xff, 0x0a]);
  assert.deepEqual(read('POST', '/request/a%2Fb/', payload), {
    type: 'send',
    queue: 'a/b',
    payload,
    kind: { type: 'request', replyTo: '' },
  });
});

test('a response names the message that it answers', () => {
  assert.deepEqual(read('POST', '/response/r/a%2Fb/12', 'x'), {
    type: 'send',
    queue: 'r',
    payload: Buffer.from('x'),
    kind: { type: 'response', to: { queue: 'a/b', id: 12 } },
  });
});

test('a shutdown is a POST', () => {
  assert.deepEqual(read('POST', '/shutdown'), { type: 'shutdown' });
});

const NOT_FOUND = [
  ['GET', '/nosuch'],
  ['GET', '/login'],
  ['GET', '//'],
  ['GET', '/login/a/b'],
  ['GET', '/persistent/x/y'],
  ['GET', '/ack/q'],
  ['GET', '/list/dead/q'],
  ['GET', '/shutdown'],
  ['GET', '/transfer'],
  ['GET', '/trace/1'],
  ['GET', '/trace/1/2/3'],
  ['GET', '*'],
  ['GET', 'http://host/login/a'],
  ['POST', '/'],
  ['POST', '/login/a'],
  ['POST', '/request/q'],
  ['POST', '/request/q/r/s'],
  ['POST', '/response/q/r'],
  ['POST', '/shutdown/now'],
  ['PUT', '/persistent/q'],
  ['HEAD', '/'],
] as const;

for (const [method, target] of NOT_FOUND) {
  test(`${method} ${target} is not found`, () =>
    assert.deepEqual(read(method, target), refused(404, `Not found: ${target}`)));
}

for (const target of ['/login/%', '/login/%4', '/login/%zz', '/login/%ff', '/login/%ed%a0%80', '/a/%c3/b']) {
  test(`the escapes of ${target} are refused`, () => {
    const reason = `the target holds a percent sign that is no escape of UTF-8: ${target}`;
    assert.deepEqual(read('GET', target), refused(400, reason));
  });
}

const WRONG_VIEWS: readonly (readonly [query: string, reason: string])[] = [
  ['messages=all', 'messages: expected a whole number, got "all"'],
  ['messages=', 'messages: expected a whole number, got ""'],
  ['payloads=-1', 'payloads: expected a whole number, got "-1"'],
  ['payloads=1.5', 'payloads: expected a whole number, got "1.5"'],
  [`payloads=${'9'.repeat(90)}`, `payloads: expected a whole number, got "${'9'.repeat(40)}"`],
  ['queue=a&queue=b', 'queue: it is there twice'],
];

for (const [query, reason] of WRONG_VIEWS) {
  test(`a part of the report by ${query} is refused`, () =>
    assert.deepEqual(read('GET', `/?${query}`), refused(400, reason)));
}

const WRONG_IDS = [
  '',
  'x',
  '1.0',
  '0x10',
  '1e3',
  '+1',
  ' 1',
  '--1',
  '1_000',
  '9007199254740992',
  '1'.repeat(20),
];

for (const text of WRONG_IDS) {
  test(`the id ${JSON.stringify(text)} is refused wherever one stands`, () => {
    const wrong = `expected a whole number below 2^53, got ${JSON.stringify(text)}`;
    const escaped = encodeURIComponent(text);
    assert.deepEqual(
      read('GET', `/ack/q/${escaped}`),
      refused(400, `the id of the message to ack: ${wrong}`),
    );
    assert.deepEqual(
      read('POST', `/response/r/q/${escaped}`, 'x'),
      refused(400, `the id of the message that is answered: ${wrong}`),
    );
    assert.deepEqual(read('GET', `/trace/${escaped}/1`), refused(400, `from: ${wrong}`));
    assert.deepEqual(
      transfer({ from: text }),
      refused(400, 'from: expected the id of a message as text, or null'),
    );
  });
}

test('a text of any length that is no id is told in short', () => {
  const out = read('GET', `/ack/q/${'9'.repeat(10_000)}`);
  assert.ok(out.type === 'refused' && out.reason.length < 200);
});

const CURSORS: readonly (readonly [from: unknown, cursor: number])[] = [
  [undefined, -1],
  [null, -1],
  ['-1', -1],
  ['0', 0],
  [0, 0],
  ['17', 17],
  [17, 17],
];

for (const [from, cursor] of CURSORS) {
  test(`a transfer from ${JSON.stringify(from)} begins above ${cursor}`, () =>
    assert.deepEqual(transfer({ from }), { type: 'transfer', from: cursor, timeout: 1000, queues: ['q'] }));
}

for (const from of [1.5, true, [], {}, 2 ** 53]) {
  test(`a transfer from ${JSON.stringify(from)} is refused`, () =>
    assert.deepEqual(
      transfer({ from }),
      refused(400, 'from: expected the id of a message as text, or null'),
    ));
}

const TIMEOUTS: readonly (readonly [seconds: string, ms: number])[] = [
  ['30', 30_000],
  ['0.25', 250],
  ['30.0', 30_000],
  ['0', 0],
  ['-5', 0],
  ['1e99', MAX_TIMEOUT],
  ['9007199254740993', MAX_TIMEOUT],
];

for (const [seconds, ms] of TIMEOUTS) {
  test(`a transfer of ${seconds} seconds waits ${ms} ms at most`, () =>
    assert.deepEqual(read('POST', '/transfer', `{"timeout":${seconds},"queues":[]}`), {
      type: 'transfer',
      from: -1,
      timeout: ms,
      queues: [],
    }));
}

for (const timeout of [undefined, null, '30', true, [1]]) {
  test(`a transfer with the timeout ${JSON.stringify(timeout)} is refused`, () =>
    assert.deepEqual(transfer({ timeout }), refused(400, 'timeout: expected a number of seconds')));
}

for (const text of ['', '.', '1.2.3', 'inf', 'nan', '1e9999', '1s', '0x1']) {
  test(`a trace with the timeout ${JSON.stringify(text)} is refused`, () =>
    assert.deepEqual(
      read('GET', `/trace/-1/${text}`),
      refused(400, `timeout: expected a number of seconds, got ${JSON.stringify(text)}`),
    ));
}

const WRONG_BODIES: readonly (readonly [body: string | Buffer, reason: string])[] = [
  ['', 'the body of a transfer: no JSON: no text at all'],
  ['not json', 'the body of a transfer: no JSON: something follows the text'],
  ['{"timeout":1', 'the body of a transfer: no JSON: the text ends too early'],
  ['{"timeout":1,"queues":[]} x', 'the body of a transfer: no JSON: something follows the text'],
  [Buffer.from([0x22, 0xff, 0x22]), 'the body of a transfer: no JSON: the bytes are no UTF-8'],
  ['{"timeout":1e999,"queues":[]}', 'the body of a transfer: a number is too large'],
  ['{"timeout":1,"timeout":2,"queues":[]}', 'the body of a transfer: the same name comes twice in an object'],
  ['[]', 'the body of a transfer: expected an object'],
  ['null', 'the body of a transfer: expected an object'],
  ['{"timeout":1}', 'queues: expected a list of names'],
  ['{"timeout":1,"queues":"q"}', 'queues: expected a list of names'],
  ['{"timeout":1,"queues":["q",1]}', 'queues: expected a list of names, and found something else in it'],
];

for (const [body, reason] of WRONG_BODIES) {
  test(`a transfer with the body ${JSON.stringify(body.toString())} is refused`, () =>
    assert.deepEqual(read('POST', '/transfer', body), refused(400, reason)));
}

test('a transfer lets fields that it does not know pass', () => {
  assert.deepEqual(transfer({ extra: 1 }), { type: 'transfer', from: -1, timeout: 1000, queues: ['q'] });
});

test('a body nested deeper than any transfer is refused', () => {
  const out = read('POST', '/transfer', '['.repeat(100_000));
  assert.ok(out.type === 'refused' && out.status === 400);
});

test('any name comes through when it is percent-encoded', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      assert.deepEqual(read('GET', `/destroy/${encodeURIComponent(name)}`), { type: 'destroy', queue: name });
    }),
  );
});

test('no target and no body make the reader throw', () => {
  const target = fc
    .array(
      fc.oneof(fc.constantFrom('login', 'list', 'alive', 'ack', 'trace', 'request', '%', '%e'), fc.string()),
    )
    .map((parts) => `/${parts.join('/')}`);
  const body = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.json().map(Buffer.from),
  );
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'POST', 'PUT'),
      fc.oneof(target, fc.constant('/transfer')),
      body,
      (method, path, sentBody) => {
        read(method, path, sentBody);
      },
    ),
  );
});
