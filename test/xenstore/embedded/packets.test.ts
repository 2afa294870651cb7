import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Operation, type OperationName, writePacket } from '../../../src/wire/xenstore.ts';
import { type Embedded, startEmbedded } from '../../helpers/embedded.ts';
import { connectPackets, type PacketClient } from './packets.ts';

async function start(t: TestContext): Promise<{ store: Embedded; client: PacketClient }> {
  const store = await startEmbedded(t);
  return { store, client: await connectPackets(t, store.socket) };
}

/** Requests that say something wrong, and the name of the error that answers them. */
const WRONG: readonly (readonly [name: OperationName, payload: string, errno: string])[] = [
  ['READ', '', 'EINVAL'],
  ['READ', '\0', 'EINVAL'],
  ['READ', '/tool', 'EINVAL'],
  ['READ', '//\0', 'EINVAL'],
  ['READ', '/tool/\0', 'EINVAL'],
  ['READ', '/a b\0', 'EINVAL'],
  ['READ', '/\xe9\0', 'EINVAL'],
  ['READ', '@introduceDomain\0', 'EINVAL'],
  ['READ', `/${'x'.repeat(2048)}\0`, 'EINVAL'],
  ['READ', '/none\0', 'ENOENT'],
  ['READ', '__proto__\0', 'ENOENT'],
  ['WRITE', '', 'EINVAL'],
  ['WRITE', '/a', 'EINVAL'],
  ['WRITE', '\0value', 'EINVAL'],
  ['MKDIR', '\0', 'EINVAL'],
  ['RM', '/\0', 'EINVAL'],
  ['RM', '/none/none\0', 'ENOENT'],
  ['DIRECTORY_PART', '/\0', 'EINVAL'],
  ['DIRECTORY_PART', '/\0\0', 'EINVAL'],
  ['DIRECTORY_PART', '/\0-1\0', 'EINVAL'],
  ['DIRECTORY_PART', '/\x000x1\0', 'EINVAL'],
  ['DIRECTORY_PART', '/\x00999\0', 'EINVAL'],
  ['SET_PERMS', '/tool\0', 'EINVAL'],
  ['SET_PERMS', '/tool\0x0\0', 'EINVAL'],
  ['SET_PERMS', '/tool\0n\0', 'EINVAL'],
  ['SET_PERMS', '/tool\0n0', 'EINVAL'],
  ['SET_PERMS', '/none\0n0\0', 'ENOENT'],
  ['WATCH', '', 'EINVAL'],
  ['WATCH', '/a\0', 'EINVAL'],
  ['WATCH', '/a\0token', 'EINVAL'],
  ['WATCH', '/a\0token\x001\0', 'EINVAL'],
  ['WATCH', '\0token\0', 'EINVAL'],
  ['UNWATCH', '/a\0', 'EINVAL'],
  ['UNWATCH', '/a\0token\0', 'ENOENT'],
  ['TRANSACTION_END', 'T\0', 'ENOENT'],
  ['INTRODUCE', '5\0', 'EINVAL'],
  ['INTRODUCE', '32752\x001\x002\0', 'EINVAL'],
  ['INTRODUCE', '-1\x001\x002\0', 'EINVAL'],
  ['RELEASE', '0\0', 'EINVAL'],
  ['RELEASE', '5\0', 'ENOENT'],
  ['GET_DOMAIN_PATH', 'x\0', 'EINVAL'],
  ['IS_DOMAIN_INTRODUCED', '', 'EINVAL'],
  ['RESUME', '5\0', 'ENOENT'],
  ['WATCH_EVENT', '/a\0token\0', 'ENOSYS'],
  ['ERROR', 'EINVAL\0', 'ENOSYS'],
];

for (const [name, payload, errno] of WRONG) {
  test(`${name} ${JSON.stringify(payload.slice(0, 30))} is ${errno}, and the client goes on`, async (t) => {
    const { client } = await start(t);
    assert.equal(await client.ask(name, Buffer.from(payload, 'latin1')), errno);
    assert.equal(await client.ask('READ', '/local/domain/0/name\0'), 'Domain-0');
  });
}

test('an operation that nobody knows is ENOSYS', async (t) => {
  const { client } = await start(t);
  for (const type of [0, 20, 23, 0xffff_ffff]) {
    client.send(writePacket(type, 0xffff_ffff, 0, '\0'));
    const answer = await client.packet();
    assert.deepEqual(answer, {
      type: Operation.ERROR,
      requestId: 0xffff_ffff,
      transactionId: 0,
      payload: Buffer.from('ENOSYS\0'),
    });
  }
});

test('any operation in a transaction that is not open is ENOENT', async (t) => {
  const { client } = await start(t);
  for (const [name, payload] of [
    ['READ', '/tool\0'],
    ['DIRECTORY', '/\0'],
    ['WRITE', '/a\0value'],
    ['MKDIR', '/tool\0'],
    ['RM', '/none\0'],
    ['SET_PERMS', '/tool\0n0\0'],
    ['TRANSACTION_START', '\0'],
    ['TRANSACTION_END', 'F\0'],
  ] as const) {
    assert.equal(await client.ask(name, payload, 12_345), 'ENOENT', name);
  }
});

test('a transaction is of one client only, and there is none in another', async (t) => {
  const { store, client } = await start(t);
  const id = Number.parseInt(await client.ask('TRANSACTION_START', '\0'), 10);
  assert.equal(await client.ask('TRANSACTION_START', '\0', id), 'EBUSY');
  const other = await connectPackets(t, store.socket);
  assert.equal(await other.ask('READ', '/tool\0', id), 'ENOENT');
  assert.equal(await client.ask('READ', '/tool\0', id), '');
  assert.equal(await client.ask('TRANSACTION_END', 'X\0', id), 'EINVAL');
  assert.equal(await client.ask('TRANSACTION_END', 'F\0', id), 'OK\0');
});

test('a reset takes the watches and the transactions of the client away', async (t) => {
  const { store, client } = await start(t);
  await client.ask('WATCH', '/w\0token\0');
  assert.equal((await client.packet()).payload.toString(), '/w\0token\0');
  const id = Number.parseInt(await client.ask('TRANSACTION_START', '\0'), 10);
  assert.equal(await client.ask('RESET_WATCHES', '\0'), 'OK\0');
  const other = await connectPackets(t, store.socket);
  assert.equal(await other.ask('WRITE', '/w\0value'), 'OK\0');
  assert.equal(await client.ask('READ', '/w\0', id), 'ENOENT');
  assert.equal(await client.ask('UNWATCH', '/w\0token\0'), 'ENOENT');
});

test('a payload of 4096 bytes is taken, and comes back', async (t) => {
  const { client } = await start(t);
  const value = 'x'.repeat(4096 - '/long\0'.length);
  assert.equal(await client.ask('WRITE', `/long\0${value}`), 'OK\0');
  assert.equal(await client.ask('READ', '/long\0'), value);
});

test('a payload of 4097 bytes ends its connection, and no other', async (t) => {
  const { store, client } = await start(t);
  client.send(writePacket(Operation.WRITE, 1, 0, `/long\0${'x'.repeat(4097 - '/long\0'.length)}`));
  assert.equal((await client.receiveAll()).length, 0);
  const other = await connectPackets(t, store.socket);
  assert.equal(await other.ask('READ', '/long\0'), 'ENOENT');
});

test('a request that ends half way is not done', async (t) => {
  const { store, client } = await start(t);
  client.send(writePacket(Operation.WRITE, 1, 0, '/half\0value').subarray(0, -1));
  client.end();
  assert.equal((await client.receiveAll()).length, 0);
  const other = await connectPackets(t, store.socket);
  assert.equal(await other.ask('READ', '/half\0'), 'ENOENT');
});

test('values and tokens are bytes, and come back as they were', async (t) => {
  const { client } = await start(t);
  const bytes = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
  assert.equal(
    await client.ask('WRITE', Buffer.concat([Buffer.from('/b\0'), bytes, Buffer.from('\0')])),
    'OK\0',
  );
  assert.equal(await client.ask('READ', '/b\0'), `${bytes.toString('latin1')}\0`);
  const watch = Buffer.concat([Buffer.from('/b\0'), bytes, Buffer.from('\0')]);
  assert.equal(await client.ask('WATCH', watch), 'OK\0');
  assert.deepEqual((await client.packet()).payload, watch);
});

test('an event too long for a packet is left out, as no client could read it', async (t) => {
  const { client } = await start(t);
  const token = 't'.repeat(4000);
  await client.ask('WATCH', `/w\0${token}\0`);
  assert.equal((await client.packet()).payload.toString(), `/w\0${token}\0`);
  const deep = `/w/${'x'.repeat(200)}`;
  assert.equal(await client.ask('WRITE', `${deep}\0`), 'OK\0');
  assert.equal(await client.ask('WRITE', '/w/short\0'), 'OK\0');
  assert.equal((await client.packet()).payload.toString(), `/w/short\0${token}\0`);
});

test('a folder of 4096 bytes of names is listed at once, a larger one in parts of one generation', async (t) => {
  const { client } = await start(t);
  const names = Array.from({ length: 128 }, (_, index) => `name-${index}`.padEnd(31, '-'));
  for (const name of names) await client.ask('MKDIR', `/large/${name}\0`);
  const all = names.map((name) => `${name}\0`).join('');
  assert.equal(all.length, 4096);
  assert.equal(await client.ask('DIRECTORY', '/large\0'), all);
  await client.ask('MKDIR', '/large/z\0');
  assert.equal(await client.ask('DIRECTORY', '/large\0'), 'E2BIG');

  const parts: string[] = [];
  const generations = new Set<string>();
  while (!parts.at(-1)?.endsWith('\0\0')) {
    const offset = parts.join('').length;
    const answer = await client.ask('DIRECTORY_PART', `/large\0${offset}\0`);
    assert.ok(answer.length <= 4096);
    generations.add(answer.slice(0, answer.indexOf('\0')));
    parts.push(answer.slice(answer.indexOf('\0') + 1));
  }
  assert.equal(parts.join(''), `${all}z\0\0`);
  assert.equal(parts.length, 2);
  assert.equal(generations.size, 1);
});

test('the generation of a folder changes with its children, and not with what is in them', async (t) => {
  const { client } = await start(t);
  const generation = async (): Promise<string> =>
    (await client.ask('DIRECTORY_PART', '/f\x000\0')).split('\0')[0] ?? '';
  await client.ask('WRITE', '/f/a\0value');
  const first = await generation();
  await client.ask('WRITE', '/f/a\0other');
  assert.equal(await generation(), first);
  await client.ask('MKDIR', '/f/b\0');
  assert.notEqual(await generation(), first);
});

/** Packets as a client that is out of its mind would send them: sound ones, wrong ones, and mere bytes. */
const packet = fc
  .tuple(
    fc.oneof(fc.constantFrom(...Object.values(Operation)), fc.nat(0xffff_ffff)),
    fc.nat(3),
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .array(
          fc.constantFrom('/a', '/a/b', '/', 'a', '\0', '\0', 'T', 'F', '0', '5', 'n0', '@x', 'é', '/local'),
        )
        .map((parts) => Buffer.from(parts.join(''))),
    ),
  )
  .map(([type, transactionId, payload]) => writePacket(type, 1, transactionId, payload));
const bytes = fc.uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some));

test('whatever bytes come, every whole packet is answered or the connection ends, and others live on', async (t) => {
  const { store, client } = await start(t);
  await client.ask('WRITE', '/stays\0value');
  await fc.assert(
    fc.asyncProperty(fc.array(packet, { maxLength: 30 }), bytes, async (packets, rest) => {
      const mad = await connectPackets(t, store.socket);
      mad.send(Buffer.concat([...packets, rest]));
      mad.end();
      const answered = await mad.receiveAll();
      assert.ok(countAnswers(answered) >= packets.length);
      mad.socket.destroy();
      assert.equal(await client.ask('READ', '/stays\0'), 'value');
    }),
    { numRuns: 100 },
  );
});

/** How many packets there are that are no events. */
function countAnswers(answered: Buffer): number {
  let count = 0;
  for (let at = 0; at < answered.length; at += 16 + answered.readUInt32LE(at + 12)) {
    if (answered.readUInt32LE(at) !== Operation.WATCH_EVENT) count += 1;
  }
  return count;
}
