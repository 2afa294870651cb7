import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { redact, redactText } from '../src/redact.ts';

/** What must never be seen. The tests make all secrets of it. */
const SECRET = 'hunter2';

const TEXTS: readonly (readonly [text: string, shown: string])[] = [
  ['open nbd://me:hunter2@host/x now', 'open nbd://***@host/x now'],
  ['nbd://hunter2@host', 'nbd://***@host'],
  ['NFS+TLS://me:hunter2@HOST', 'NFS+TLS://***@HOST'],
  ['a://me:hunter2@h, b://me:hunter2@h/y', 'a://***@h, b://***@h/y'],
  ['"a://me:hunter2@h","b://me:hunter2@h"', '"a://***@h","b://***@h"'],
  ['a://me:hunter2@hunter2@h', 'a://***@h'],
  ['a://me:hunter2/hunter2@h/x', 'a://***@h/x'],
  ['a://me:hunter2?hunter2#hunter2@h', 'a://***@h'],
  ['a://me%40x:hunter2%2F@h', 'a://***@h'],
  ['a://me:hunter2@[fe80::1%25eth0]:2049/x', 'a://***@[fe80::1%25eth0]:2049/x'],
  ["a://me:hunter2'hunter2@h", 'a://***@h'],
  ['(a://me:hunter2@h)', '(a://***@h)'],
  ['GET /nfs://me:hunter2@h/x HTTP/1.1', 'GET /nfs://***@h/x HTTP/1.1'],
  ['//me:hunter2@h/share', '//***@h/share'],
  ['http://h/x,nbd://me:hunter2@h', 'http://h/x,nbd://***@h'],
  ['http://me:hunter2@h/?password=hunter2@hunter2', 'http://***'],
  ['nbd://me:hunter2password=hunter2@h', 'nbd://***'],
  ['password=hunter2', 'password=***'],
  ['mount -o user=me,password=hunter2 failed', 'mount -o user=me,password=*** failed'],
  ['chap_password = hunter2 wrong', 'chap_password = *** wrong'],
  ['API-KEY=hunter2', 'API-KEY=***'],
  ['accessTokenFile="hunter2 hunter2" x', 'accessTokenFile="***" x'],
  ["secret='hunter2 hunter2' x", "secret='***' x"],
  ['Password: hunter2', 'Password: ***'],
  ['{"user":"me","password":"hunter2","uuid":"1"}', '{"user":"me","password":"***","uuid":"1"}'],
  ['{"chapPassword" : "hunter2\\" hunter2"}', '{"chapPassword" : "***"}'],
  ["{'token': 'hunter2', 'uuid': '1'}", "{'token': '***', 'uuid': '1'}"],
  ['{"x":"{\\"apiKey\\":\\"hunter2\\",\\"y\\":1}"}', '{"x":"{\\"apiKey\\":\\"***\\",\\"y\\":1}"}'],
  ['{"keys":["hunter2","hunter2"]}', '{"keys":***'],
  ['{"secret":{"value":"hunter2"}}', '{"secret":***'],
  ['{"password":"hunter2', '{"password":"***'],
  ['{"uri":"nbd:\\/\\/me:hunter2@h\\/x"}', '{"uri":"nbd:\\/\\/***@h\\/x"}'],
  ['{"x":"{\\"uri\\":\\"nbd:\\\\/\\\\/me:hunter2@h\\"}"}', '{"x":"{\\"uri\\":\\"nbd:\\\\/\\\\/***@h\\"}"}'],
  ['{"sr":"1","uri":"nbd://me:hunter2…', '{"sr":"1","uri":"nbd://***…'],
  ['{"uris":["nbd://me:hunter2@h","nbd://me:hunter2…', '{"uris":["nbd://***@h","nbd://***…'],
  ['<name>password</name><value>hunter2</value><x/>', '<name>password</name><value>***</value><x/>'],
  [
    '<name>chapPassword</name>\n<value><string>hunter2</string></value><x/>',
    '<name>chapPassword</name>\n<value>***</value><x/>',
  ],
  ['<name>keys</name><value> <array><data><value>hunter2</value>', '<name>keys</name><value>***'],
  ['<name>token</name><value><string>hunter2…', '<name>token</name><value>***'],
];

for (const [text, shown] of TEXTS) {
  test(`${text} is shown without its secret`, () => assert.equal(redactText(text), shown));
}

const KEPT: readonly string[] = [
  'http://host/path@version/x',
  'http://[::1]:8080/path@version',
  'http://host:8080/path and me@example.com',
  '{"uri":"nbd://host:10809/x","mail":"me@example.com"}',
  'key: expected a text, got a number',
  'params[0].token: expected a text',
  'the key 0a1b2c3d-0000-4000-8000-000000000001 is unknown',
  'Volume.set_key of org.xen.xapi.storage.token failed',
  '"key"',
  '{"uri":"nbd://[::1]:10809/x…',
  'nbd://h:10809/x is gone, and …',
  '<name>sr</name><value>1</value>',
  'a // b @ c',
  '',
];

for (const text of KEPT) {
  test(`${JSON.stringify(text)} is shown as it is`, () => assert.equal(redactText(text), text));
}

test('values under secret names go, whatever they are and however the name is written', () => {
  const fields = {
    password: SECRET,
    chapPassword: { value: SECRET },
    chap_password: [SECRET],
    APIKEY: 12,
    authToken: new Map([['a', SECRET]]),
    'client-secret-file': null,
    user: 'me',
  };
  assert.deepEqual(redact(fields), {
    password: '***',
    chapPassword: '***',
    chap_password: '***',
    APIKEY: '***',
    authToken: '***',
    'client-secret-file': '***',
    user: 'me',
  });
});

test('our own fields keep what people need to find a call again', () => {
  const fields = {
    method: 'Volume.set_key',
    queue: 'org.xen.xapi.storage.token.0a1b2c3d-0000-4000-8000-000000000001',
    dbg: 'key 0a1b2c3d-0000-4000-8000-000000000001',
    sr: '0a1b2c3d-0000-4000-8000-000000000001',
    ms: 1.5,
    more: 3n,
    ok: true,
    nothing: null,
    at: new Date(0),
  };
  assert.deepEqual(redact(fields), { ...fields, at: '1970-01-01T00:00:00.000Z' });
});

test('an error keeps its type, message, stack, own fields and causes, without their secrets', () => {
  const error = new TypeError('no nbd://me:hunter2@h', { cause: new RangeError('password=hunter2') });
  Object.assign(error, { code: 'EX', token: SECRET });
  const { stack, cause, ...fields } = redact(error) as Record<string, unknown>;
  assert.deepEqual(fields, { type: 'TypeError', message: 'no nbd://***@h', code: 'EX', token: '***' });
  assert.match(`${stack}`, /^TypeError: no nbd:\/\/\*\*\*@h\n +at /);
  assert.partialDeepStrictEqual(cause, { type: 'RangeError', message: 'password=***' });
});

test('the errors of an aggregate are told too', () => {
  const { errors } = redact(new AggregateError([new Error('a://me:hunter2@h')], 'all failed')) as {
    errors: unknown;
  };
  assert.partialDeepStrictEqual(errors, [{ type: 'Error', message: 'a://***@h' }]);
});

test('bytes are counted, not shown', () => {
  assert.deepEqual(redact({ body: Buffer.from(SECRET) }), { body: '7 bytes' });
});

test('what refers to itself, or is very deep, ends somewhere', () => {
  const loop: Record<string, unknown> = { name: 'loop' };
  loop.self = [loop];
  assert.deepEqual(redact(loop), { name: 'loop', self: ['…'] });
  const error = new Error('loop');
  error.cause = error;
  assert.partialDeepStrictEqual(redact(error), { cause: '…' });
  let deep: unknown = SECRET;
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  assert.doesNotMatch(JSON.stringify(redact(deep)), /hunter2/);
});

/** Secrets of the kind that people choose, with everything in them that a URI has a meaning for. */
const secret = fc
  .array(
    fc.constantFrom(SECRET, '@', '/', ':', '?', '#', '%40', '=', '&', ',', '//', '://', '.', "'x", 'key='),
    {
      maxLength: 6,
    },
  )
  .map((parts) => `${parts.join('')}${SECRET}`);
const host = fc.constantFrom('host', 'HOST.example.com:80', '10.0.0.1', '[::1]', '[fe80::1]:2049', '');
const uri = fc
  .tuple(
    fc.constantFrom('nbd', 'NFS', 'a+b.c-d'),
    fc.constantFrom('me', '', 'me%40x'),
    secret,
    host,
    fc.constantFrom('', '/x', '/x?y=z#w'),
  )
  .map(([scheme, user, password, where, path]) => `${scheme}://${user}:${password}@${where}${path}`);

const secretName = fc
  .tuple(
    fc.constantFrom('', 'chap_', 'x.y-'),
    fc.constantFrom('password', 'secret', 'token', 'key'),
    fc.constantFrom('', 'File', '_2'),
    fc.array(fc.boolean()),
  )
  .map(([before, word, after, capitals]) =>
    [...`${before}${word}${after}`].map((c, at) => (capitals[at] === true ? c.toUpperCase() : c)).join(''),
  );
/** Any text with a secret in it, as JSON can carry it. */
const anySecret = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 5 }), fc.string({ maxLength: 5 }))
  .map(([before, after]) => `${before}${SECRET}${after}`);
const space = fc.constantFrom('', ' ');
const json = fc
  .tuple(secretName, anySecret, space)
  .map(
    ([name, value, gap]) =>
      `{"a":"b",${gap}${JSON.stringify(name)}${gap}:${gap}${JSON.stringify(value)},"c":1}`,
  );
const assignment = fc
  .tuple(secretName, space, secret)
  .map(([name, gap, value]) => `${name}${gap}=${gap}${value}`);
const leaky = fc.oneof(
  uri,
  json,
  assignment,
  json.map((text) => JSON.stringify(text)),
);
const around = fc.constantFrom(
  ['', ''],
  ['(', ')'],
  ['"', '"'],
  ["'", "'"],
  ['open ', ' failed'],
  ['x=', ''],
  ['x:\n', '\ny'],
);
const leakyText = fc
  .array(fc.tuple(around, leaky), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.map(([[before, after], text]) => `${before}${text}${after}`).join(' '));

test('no secret is seen of any text with URIs and assignments in it', () => {
  fc.assert(
    fc.property(leakyText, (text) => {
      assert.doesNotMatch(redactText(text), /hunter2/);
    }),
    { numRuns: 2000 },
  );
});

const leakyError = fc.tuple(leakyText, leakyText).map(([message, cause]) => new Error(message, { cause }));

/** Values with a secret somewhere, in a text or under a name. */
const leakyValue = fc.letrec<{ value: unknown; named: object }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leakyText,
    fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.date(), fc.bigInt()),
    leakyError,
    tie('named'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.string(), uri), tie('value'), { maxKeys: 3 }),
    fc.tuple(fc.string(), tie('value')).map((entry) => new Map([entry])),
    tie('value').map((value) => new Set([value])),
    tie('value').map((value) => new Error('x', { cause: value })),
    tie('named').map((fields) => Object.assign(new Error('x'), fields)),
    leakyText.map((text) => Buffer.from(text)),
  ),
  named: fc
    .tuple(
      secretName,
      fc.oneof(anySecret, fc.array(anySecret), fc.dictionary(fc.string(), anySecret), tie('value')),
    )
    .map(([name, value]) => ({ [name]: value })),
})).value;

test('no secret is seen of any value that is logged', () => {
  fc.assert(
    fc.property(leakyValue, (value) => {
      assert.doesNotMatch(inspect(redact(value), { depth: null }), /hunter2/);
    }),
    { numRuns: 500 },
  );
});

test('text without names and marks of secrets stays as it is', () => {
  const plain = fc
    .string({ unit: 'binary' })
    .filter((text) => !/\/\\*\/|password|secret|token|key/i.test(text));
  fc.assert(fc.property(plain, (text) => assert.equal(redactText(text), text)));
});

const MEMBER = '<name>key</name><value>';

test('a long text of what secrets begin with takes no longer than its length', () => {
  for (const part of [
    '//',
    'a://',
    'key',
    'key=',
    'key="\\',
    'password="\\"',
    '@',
    'a:',
    '"key":',
    '/\\',
    MEMBER,
  ]) {
    const text = part.repeat(200_000 / part.length);
    assert.equal(typeof redactText(`${text} //@`), 'string');
    assert.equal(typeof redactText(`${text}…`), 'string');
  }
});
