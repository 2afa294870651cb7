import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { result, unimplemented } from '../../src/rpc/call.ts';
import {
  readXmlCall,
  writeXmlAnswer,
  writeXmlFault,
  writeXmlValue,
  XmlFailure,
} from '../../src/rpc/xmlrpc.ts';
import { writeJson } from '../../src/wire/json.ts';
import type { Value } from '../../src/wire/value.ts';
import { value } from '../helpers/values.ts';

const read = (text: string | Buffer, maxDepth = 64) => readXmlCall(Buffer.from(text), { maxDepth });
const callOf = (params: string) =>
  `<?xml version="1.0"?><methodCall><methodName>m</methodName><params>${params}</params></methodCall>`;
const param = (inside: string) => callOf(`<param><value>${inside}</value></param>`);
const paramOf = (inside: string): Value | undefined => {
  const call = read(param(inside));
  assert.ok(!(call instanceof XmlFailure), call instanceof XmlFailure ? call.reason : '');
  assert.ok(Array.isArray(call.params));
  return call.params[0];
};

const values: [string, Value][] = [
  ['<int>5</int>', 5],
  ['<i4>-5</i4>', -5],
  ['<i8>9223372036854775807</i8>', 9223372036854775807n],
  ['<i8>9007199254740991</i8>', 9007199254740991],
  ['<boolean>1</boolean>', true],
  ['<boolean>0</boolean>', false],
  ['<double>1.5e3</double>', 1500],
  ['<string> a &lt;b&gt; &#233; </string>', ' a <b> é '],
  ['<string><![CDATA[<x>]]></string>', '<x>'],
  ['<string/>', ''],
  [' a text without a type ', ' a text without a type '],
  ['', ''],
  ['5', '5'],
  ['<nil/>', null],
  ['<array><data><value><int>1</int></value><value/></data></array>', [1, '']],
  ['<struct><member><name>a</name><value><int>1</int></value></member></struct>', { a: 1 }],
  ['<struct/>', {}],
  ['\n  <int>\n 7 </int>\n', 7],
  ['<dateTime.iso8601>19700101T00:00:00Z</dateTime.iso8601>', '19700101T00:00:00Z'],
];
for (const [xml, expected] of values) {
  test(`${JSON.stringify(xml)} is read`, () => {
    assert.deepEqual(paramOf(xml), expected);
  });
}

test('a call has its method and all params', () => {
  assert.deepEqual(read(callOf('<param><value>a</value></param><param><value>b</value></param>')), {
    method: 'm',
    params: ['a', 'b'],
  });
  assert.deepEqual(read('<methodCall><methodName>m</methodName></methodCall>'), { method: 'm', params: [] });
});

const bad: [string, string | Buffer, XmlFailure['kind'], RegExp][] = [
  ['no XML', 'hello', 'malformed', /^no XML: /],
  ['nothing', '', 'malformed', /^no XML: /],
  ['half a document', '<methodCall><methodName>', 'malformed', /unclosed tag/],
  ['something behind it', `${param('a')}<x/>`, 'malformed', /^no XML: /],
  ['an answer', '<methodResponse/>', 'malformed', /^expected methodCall, got methodResponse$/],
  ['no method', '<methodCall/>', 'malformed', /^methodCall: expected methodName first$/],
  ['an unknown type', param('<long>1</long>'), 'malformed', /^value: expected a type, got long$/],
  ['two types', param('<int>1</int><int>2</int>'), 'malformed', /^value: expected one type, got 2 elements$/],
  ['letters in an integer', param('<int>1x</int>'), 'malformed', /^int: expected decimal digits, got 1x$/],
  ['an integer over 64 bits', param('<i8>9223372036854775808</i8>'), 'malformed', /does not fit 64 bits$/],
  ['a boolean of 2', param('<boolean>2</boolean>'), 'malformed', /^boolean: expected 0 or 1, got 2$/],
  ['no number', param('<double>NaN</double>'), 'malformed', /^double: expected a decimal number, got NaN$/],
  [
    'a member without a value',
    param('<struct><member><name>a</name></member></struct>'),
    'malformed',
    /^member: /,
  ],
  [
    'a name that comes twice',
    param(`<struct>${'<member><name>a</name><value/></member>'.repeat(2)}</struct>`),
    'refused',
    /^the name a comes twice$/,
  ],
  [
    'the prototype',
    param('<struct><member><name>__proto__</name><value/></member></struct>'),
    'refused',
    /^the name __proto__ is refused$/,
  ],
  [
    'a document type',
    `<!DOCTYPE x [<!ENTITY a "b">]>${'<methodCall/>'}`,
    'refused',
    /a document type is refused$/,
  ],
  ['an unknown entity', param('&nbsp;'), 'malformed', /entity/],
  [
    'a processing instruction',
    `<?php x?>${'<methodCall/>'}`,
    'refused',
    /a processing instruction is refused$/,
  ],
  [
    'another encoding',
    '<?xml version="1.0" encoding="UTF-16"?><methodCall/>',
    'refused',
    /^no XML: encoding: expected UTF-8, got UTF-16$/,
  ],
  ['bytes that are no UTF-8', Buffer.from(param('\xff'), 'latin1'), 'refused', /^the bytes are no UTF-8$/],
];
for (const [what, xml, kind, reason] of bad) {
  test(`${what} is a failure that says so`, () => {
    const failure = read(xml);
    assert.ok(failure instanceof XmlFailure);
    assert.match(failure.reason, reason);
    assert.equal(failure.kind, kind);
  });
}

test('the depth is bounded, and the bound named', () => {
  const nested = (depth: number) =>
    param('<array><data><value>'.repeat(depth) + '</value></data></array>'.repeat(depth));
  assert.ok(!(read(nested(64)) instanceof XmlFailure));
  const failure = read(nested(70));
  assert.ok(failure instanceof XmlFailure);
  assert.equal(failure.reason, 'no XML: nested deeper than sockets.maxDepth (64)');
  assert.equal(failure.kind, 'refused');
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('<', '>', '/', '&', 'value', 'struct', ' ', '"', '!', '?', 'é') }),
      (text) => {
        read(text);
        read(
          `<methodCall><methodName>m</methodName><params><param><value>${text}</value></param></params></methodCall>`,
        );
      },
    ),
  );
});

test('an answer is a struct with Status and Value', () => {
  assert.equal(
    writeXmlAnswer(result(['a'])),
    '<?xml version="1.0"?>\n<methodResponse><params><param><value><struct>' +
      '<member><name>Status</name><value><string>Success</string></value></member>' +
      '<member><name>Value</name><value><array><data><value><string>a</string></value></data></array></value></member>' +
      '</struct></value></param></params></methodResponse>\n',
  );
});

test('an error is a struct with Status and ErrorDescription, the variant as an array', () => {
  const written = writeXmlAnswer(unimplemented('Plugin.foo'));
  assert.match(written, /<name>Status<\/name><value><string>Failure</);
  assert.match(
    written,
    /<name>ErrorDescription<\/name><value><array><data><value><string>Unimplemented<\/string><\/value><value><string>Plugin.foo</,
  );
});

test('a variant without values becomes an array of one', () => {
  const error = { kind: 'interface', code: 1, variant: 'Cancelled', message: '' } as const;
  assert.match(
    writeXmlAnswer({ type: 'error', error }),
    /<array><data><value><string>Cancelled<\/string><\/value><\/data><\/array>/,
  );
});

test('any value that a call carries is read as it was written', () => {
  fc.assert(
    fc.property(carried, (written) => {
      assert.deepEqual(paramOf(writeXmlValue(written).slice('<value>'.length, -'</value>'.length)), written);
    }),
  );
});

/** XML has no way for most control characters, which JSON writes as escapes, and two others; all else comes through. */
const carriable = (candidate: Value): boolean => !/\\u00|\\[bf]|[\ufffe\uffff]/.test(writeJson(candidate));
const carried = value.filter(carriable);

test('characters that XML can not carry become the replacement character, and the document stays whole', () => {
  assert.equal(writeXmlValue('a\u0000b\u001f'), '<value><string>a\ufffdb\ufffd</string></value>');
});

/** Reads answers on its input, one a line as JSON, with xmlrpc.client, and prints each value as JSON. */
const PYTHON_READER = `
import json, sys, xmlrpc.client
for line in sys.stdin:
    (answer,), method = xmlrpc.client.loads(json.loads(line), use_builtin_types=True)
    print(json.dumps(answer["Value"]))
`;

test("Python's xmlrpc.client reads every answer", () => {
  const answers = fc.sample(carried, 200);
  const input = answers.map((answer) => `${JSON.stringify(writeXmlAnswer(result(answer)))}\n`).join('');
  const { stdout, stderr, status } = spawnSync('python3', ['-c', PYTHON_READER], { input, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const lines = stdout.trim().split('\n');
  for (const [index, answer] of answers.entries()) {
    assert.deepEqual(normal(JSON.parse(lines[index] ?? '')), normal(JSON.parse(writeJson(answer))));
  }
});

/** Python's JSON and ours differ in how they write a number; read again, both are the same double. */
const normal = (parsed: unknown): string => JSON.stringify(parsed);

/** Writes calls with xmlrpc.client for the values on its input. */
const PYTHON_WRITER = `
import json, sys, xmlrpc.client
for line in sys.stdin:
    print(json.dumps(xmlrpc.client.dumps((json.loads(line),), "m", allow_none=True)))
`;

test("calls that Python's xmlrpc.client writes are read", () => {
  // Python writes integers of at most 32 bits, and a carriage return as it is, which XML reads as a line feed.
  const small = carried.filter((candidate) => !/[0-9]{10}|\\r/.test(writeJson(candidate)));
  const written = fc.sample(small, 200);
  const input = written.map((candidate) => `${writeJson(candidate)}\n`).join('');
  const { stdout, stderr, status } = spawnSync('python3', ['-c', PYTHON_WRITER], { input, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  for (const [index, line] of stdout.trim().split('\n').entries()) {
    const call = read(JSON.parse(line));
    assert.ok(!(call instanceof XmlFailure));
    assert.deepEqual(call, { method: 'm', params: [written[index]] });
  }
});

test('a fault has its code and text', () => {
  assert.match(writeXmlFault(-32700, 'why'), /<fault><value><struct>.*<int>-32700<.*<string>why</);
});
