import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import type { TSchema } from 'typebox';
import { DeclaredError } from '../../src/rpc/declared-error.ts';
import { DatapathInterface } from '../../src/storage/datapath.ts';
import type { Driven, DrivenChoice } from '../../src/storage/datapaths.ts';
import type { AskDomain } from '../../src/storage/driver.ts';
import { createAskDomain } from '../../src/storage/driver-domain.ts';
import { scriptOf } from '../../src/storage/scripts.ts';
import { stopClock } from '../helpers/clock.ts';
import { type DaemonProcess, kill, startDaemonProcess } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { preparePlugins, printing, shell } from './plugins/helpers.ts';

const UUID = '0a1b2c3d-0000-4000-8000-000000000007';
const CHOICE: DrivenChoice = { plugin: 'mine', domid: 7, domainUuid: UUID, sharable: false };

const ATTACH = scriptOf(DatapathInterface, 'attach');
const ACTIVATE = scriptOf(DatapathInterface, 'activate');
const DEACTIVATE = scriptOf(DatapathInterface, 'deactivate');
const DETACH = scriptOf(DatapathInterface, 'detach');
const PARAMS = { dbg: 'me', uri: 'mine:///a', domain: '3' };
const BACKEND = {
  domain_uuid: UUID,
  implementations: [['XenDisk', { params: 'p', extra: {}, backend_type: 'vbd3' }]],
};

const HOUR = 3_600_000;
const LIMITS = { timeout: HOUR, maxAnswerBytes: 1000, maxDepth: 16, now: () => 0 };

const askAt = (path: string, limits: Partial<typeof LIMITS> = {}): AskDomain =>
  createAskDomain({ socketOf: (uuid) => (uuid === UUID ? path : undefined), ...LIMITS, ...limits });

type Answering = (line: string, connection: Socket) => void;

/** Serves a socket that has a driver domain's datapath service behind it; gives its path. */
async function serving(t: TestContext, answer: Answering): Promise<string> {
  const path = join(tempDirectory(t), 'domain.sock');
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    createInterface({ input: connection }).on('line', (line) => answer(line, connection));
  });
  t.after(() => {
    server.close();
    for (const connection of connections) connection.destroy();
  });
  await once(server.listen(path), 'listening');
  return path;
}

/** Answers whatever comes with these bytes. */
const answering = (t: TestContext, bytes: string): Promise<string> =>
  serving(t, (_line, connection) => connection.write(bytes));

const response = (members: object): string => `${JSON.stringify({ jsonrpc: '2.0', id: 1, ...members })}\n`;

/** The error that a call has failed with, and whether it is sure that nothing was done. */
function failure(driven: Driven<TSchema>): {
  tag: string;
  value: unknown;
  message: string;
  isUndone: boolean;
} {
  assert.equal(driven.type, 'failed');
  const { error, isUndone } = driven;
  assert.ok(error instanceof DeclaredError);
  return { tag: error.tag, value: error.value, message: error.message, isUndone };
}

const unreachable = (text: string, isUndone: boolean) => ({
  tag: 'Backend_error',
  value: ['DRIVER_DOMAIN_UNREACHABLE', [text]],
  message: text,
  isUndone,
});

test('a call is sent as a line of JSON-RPC, and its answer is read', async (t) => {
  const lines: string[] = [];
  const path = await serving(t, (line, connection) => {
    lines.push(line);
    connection.write(response({ result: null }));
  });
  assert.deepEqual(await askAt(path)(CHOICE, ACTIVATE, PARAMS), { type: 'answer', value: null });
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [{ jsonrpc: '2.0', id: 1, method: 'Datapath.activate', params: PARAMS }],
  );
});

test('an answer that comes in pieces is read whole', async (t) => {
  const text = response({ result: BACKEND });
  const path = await serving(t, (_line, connection) => {
    connection.write(text.slice(0, 10), () => connection.end(text.slice(10)));
  });
  assert.deepEqual(await askAt(path)(CHOICE, ATTACH, PARAMS), { type: 'answer', value: BACKEND });
});

test('a driver domain is told in the attach that a volume is sharable, and only there', async (t) => {
  const told: unknown[] = [];
  const path = await serving(t, (line, connection) => {
    const { method, params } = JSON.parse(line);
    told.push([method, params.sharable]);
    connection.write(response({ result: method === ATTACH.name ? BACKEND : null }));
  });
  const ask = askAt(path);
  await ask({ ...CHOICE, sharable: true }, ATTACH, PARAMS);
  await ask({ ...CHOICE, sharable: true }, ACTIVATE, PARAMS);
  await ask(CHOICE, ATTACH, PARAMS);
  assert.deepEqual(told, [
    [ATTACH.name, true],
    [ACTIVATE.name, undefined],
    [ATTACH.name, undefined],
  ]);
});

test('a driver domain is told in the attach that a domain only reads, and only there', async (t) => {
  const told: unknown[] = [];
  const path = await serving(t, (line, connection) => {
    const { method, params } = JSON.parse(line);
    told.push([method, params.writes]);
    connection.write(response({ result: method === ATTACH.name ? BACKEND : null }));
  });
  const ask = askAt(path);
  await ask({ ...CHOICE, writes: false }, ATTACH, PARAMS);
  await ask({ ...CHOICE, writes: false }, ACTIVATE, PARAMS);
  await ask(CHOICE, ATTACH, PARAMS);
  assert.deepEqual(told, [
    [ATTACH.name, false],
    [ACTIVATE.name, undefined],
    [ATTACH.name, undefined],
  ]);
});

test('the uuid of a driver domain may be written in capitals', async (t) => {
  const path = await answering(t, response({ result: null }));
  const choice = { ...CHOICE, domainUuid: UUID.toUpperCase() };
  assert.equal((await askAt(path)(choice, ACTIVATE, PARAMS)).type, 'answer');
});

for (const [which, domainUuid, named] of [
  ['another uuid', UUID.replace('7', '8'), UUID.replace('7', '8')],
  ['no known uuid', null, 'of no known uuid'],
] as const) {
  test(`a driver domain of ${which} has no socket, and nothing was done`, async () => {
    const driven = await askAt('/nowhere')({ ...CHOICE, domainUuid }, ACTIVATE, PARAMS);
    const text = `the driver domain ${named} (domid 7) can not be reached: datapath.driverDomains names no socket for it`;
    assert.deepEqual(failure(driven), unreachable(text, true));
  });
}

test('a driver domain whose socket is not there is gone, and nothing was done', async () => {
  const text =
    `the driver domain ${UUID} (domid 7) on /nowhere/dd can not be reached: ` +
    'Datapath.activate: connect ENOENT /nowhere/dd, after 0 s';
  assert.deepEqual(failure(await askAt('/nowhere/dd')(CHOICE, ACTIVATE, PARAMS)), unreachable(text, true));
});

test('a driver domain that does not listen any more is gone, and nothing was done', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'left');
  const server = createServer().listen(join(directory, 'made'));
  await once(server, 'listening');
  renameSync(join(directory, 'made'), path);
  server.close();
  const { message, isUndone } = failure(await askAt(path)(CHOICE, ACTIVATE, PARAMS));
  assert.match(message, /connect ECONNREFUSED/);
  assert.equal(isUndone, true);
});

test('a driver domain that closes the connection before it has answered may have done it', async (t) => {
  const path = await serving(t, (_line, connection) => connection.end('{"jsonrpc":"2.0"'));
  let clock = 0;
  const now = () => {
    clock += 1500;
    return clock;
  };
  const text =
    `the driver domain ${UUID} (domid 7) on ${path} can not be reached: ` +
    'Datapath.activate: it closed the connection before it had answered, after 1.5 s';
  assert.deepEqual(failure(await askAt(path, { now })(CHOICE, ACTIVATE, PARAMS)), unreachable(text, false));
});

test('a driver domain that does not answer in time may have done it', async (t) => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const path = await serving(t, () => resolve());
  const { pass } = stopClock(t);
  const driven = askAt(path, { timeout: 5000 })(CHOICE, ACTIVATE, PARAMS);
  await asked;
  pass(5000);
  const { message, isUndone } = failure(await driven);
  assert.match(message, /: no answer within 5 s \(datapath\.driverDomainTimeout\), after 0 s$/);
  assert.equal(isUndone, false);
});

test('an answer that is here when the time is over is taken: nobody had read it yet', async (t) => {
  const { passUnread } = stopClock(t);
  const path = await serving(t, (_line, connection) => {
    connection.write(response({ result: null }));
    passUnread(5000);
  });
  const driven = await askAt(path, { timeout: 5000 })(CHOICE, ACTIVATE, PARAMS);
  assert.equal(driven.type, 'answer');
});

test('a call that is over leaves no connection behind', async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const path = await serving(t, (_line, connection) => {
    connection.on('close', () => resolve());
    connection.write(response({ result: null }));
  });
  await askAt(path)(CHOICE, ACTIVATE, PARAMS);
  await closed;
});

test('an answer that never ends is not read beyond the limit', async (t) => {
  const path = await serving(t, (_line, connection) => connection.write('"'.repeat(101)));
  const { message } = failure(await askAt(path, { maxAnswerBytes: 100 })(CHOICE, ACTIVATE, PARAMS));
  assert.match(message, /: its answer is over sockets\.maxAnswerBytes \(100\), after 0 s$/);
});

for (const [what, answer, reason] of [
  ['no JSON', 'hello\n', /^no JSON: /],
  ['the same name twice', '{"jsonrpc":"2.0","id":1,"id":1,"result":null}\n', /comes twice/],
  [
    'more depth than is allowed',
    response({ result: JSON.parse('['.repeat(20) + ']'.repeat(20)) }),
    /nested|deep/,
  ],
  ['a list', '[]\n', /^expected a response of JSON-RPC 2\.0 with the id 1$/],
  ['JSON-RPC 1.0', '{"result":null,"error":null,"id":1}\n', /^expected a response of JSON-RPC 2\.0/],
  ['another id', response({ id: 2, result: null }), /^expected a response of JSON-RPC 2\.0/],
  ['neither result nor error', response({}), /^expected either a result or an error$/],
  ['both result and error', response({ result: null, error: {} }), /^expected either a result or an error$/],
  [
    'a result of another type',
    response({ result: 'done' }),
    /^result: expected null, got a string of 4 characters$/,
  ],
  [
    'an error without a code',
    response({ error: { message: 'm' } }),
    /^error: expected an object with code and message$/,
  ],
  [
    'an error that is not declared',
    response({ error: { code: 1, message: 'm', data: ['No_such', 'x'] } }),
    /^error\.data: expected an error of Datapath, got \["No_such","x"\]$/,
  ],
  [
    'an error with another content than is declared',
    response({ error: { code: 7, message: 'm', data: ['Backend_error', 'x'] } }),
    /^error\.data: expected an error of Datapath, got \["Backend_error","x"\]$/,
  ],
] as const) {
  test(`an answer that is ${what} is told as such, and what was asked may be done`, async (t) => {
    const path = await answering(t, answer);
    const { tag, value, message, isUndone } = failure(await askAt(path)(CHOICE, ACTIVATE, PARAMS));
    const before = `the answer of the driver domain ${UUID} (domid 7) on ${path} to Datapath.activate can not be read: `;
    assert.deepEqual([tag, value], ['Backend_error', ['DRIVER_DOMAIN_BAD_ANSWER', [message]]]);
    assert.equal(message.slice(0, before.length), before);
    assert.match(message.slice(before.length), reason);
    assert.equal(isUndone, false);
  });
}

for (const [code, data, isUndone] of [
  [7, ['Backend_error', ['SCRIPT_FAILED', ['s', '1']]], false],
  [8, ['Backend_error_with_backtrace', ['E', ['{}', 'a']]], false],
  [6, ['Activated_on_another_host', 'h'], true],
  [5, ['Cancelled', 'op'], false],
  [-32601, ['Unimplemented', 'Datapath.activate'], true],
] as const) {
  test(`the error ${data[0]} of a driver domain is the same here`, async (t) => {
    const path = await answering(t, response({ error: { code, message: 'so it is', data } }));
    assert.deepEqual(failure(await askAt(path)(CHOICE, ACTIVATE, PARAMS)), {
      tag: data[0],
      value: data[1],
      message: `the driver domain ${UUID} (domid 7) on ${path}: so it is`,
      isUndone,
    });
  });
}

test('an error that only SMAPIv3 has a name for is told as a script tells it', async (t) => {
  const error = { code: 4, message: 'm', data: ['Volume_does_not_exist', 'v'] };
  const path = await answering(t, response({ error }));
  const { tag, value } = failure(await askAt(path)(CHOICE, ACTIVATE, PARAMS));
  assert.deepEqual([tag, value], ['Backend_error_with_backtrace', ['Volume_does_not_exist', ['', 'v']]]);
});

for (const [what, code, isUndone] of [
  ['that stops a call by its parameters is sure that nothing was done', -32602, true],
  ['of a call that was made may have done it', -32603, false],
] as const) {
  test(`an internal error of a driver domain names the domain; one ${what}`, async (t) => {
    const error = { code, message: 'no room', data: ['Internal_error', 'no room'] };
    const path = await answering(t, response({ error }));
    const driven = failure(await askAt(path)(CHOICE, ACTIVATE, PARAMS));
    const text = `the driver domain ${UUID} (domid 7) on ${path}: no room`;
    assert.deepEqual(driven, { tag: 'Internal_error', value: text, message: text, isUndone });
  });
}

/** A datapathd with a datapath plugin, as it runs in a driver domain. */
async function driverDomain(t: TestContext): Promise<{ daemon: DaemonProcess; ask: AskDomain }> {
  const { root, write } = preparePlugins(t);
  mkdirSync(root);
  const offered = { implementations: [['Nbd', { uri: 'nbd:unix:/s:exportname=a' }]] };
  write('datapath/mine', {
    'Datapath.attach': printing(offered),
    'Datapath.activate': printing(null),
    'Datapath.deactivate': shell(`echo '{"code":"Busy","params":["a"],"backtrace":[]}'; exit 1`),
    'Datapath.detach': printing(null),
  });
  const daemon = await startDaemonProcess(t, { flags: [`--plugins.root=${root}`] });
  return { daemon, ask: askAt(daemon.socket) };
}

test("a disk is attached, activated and detached by another daemon's plugin", async (t) => {
  const { ask } = await driverDomain(t);
  const attached = await ask(CHOICE, ATTACH, PARAMS);
  assert.equal(attached.type, 'answer');
  assert.deepEqual(attached.value.implementations, [['Nbd', { uri: 'nbd:unix:/s:exportname=a' }]]);
  assert.deepEqual(await ask(CHOICE, ACTIVATE, PARAMS), { type: 'answer', value: null });
  const { tag, value } = failure(await ask(CHOICE, DEACTIVATE, PARAMS));
  assert.deepEqual([tag, value], ['Backend_error_with_backtrace', ['Busy', ['[]', 'a']]]);
});

test('a driver domain whose daemon was killed is gone', async (t) => {
  const { daemon, ask } = await driverDomain(t);
  await ask(CHOICE, ATTACH, PARAMS);
  await kill(daemon);
  const { message, isUndone } = failure(await ask(CHOICE, DETACH, PARAMS));
  assert.match(message, /Datapath\.detach: connect ECONNREFUSED/);
  assert.equal(isUndone, true);
});
