import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSrs } from '../../src/storage/ask-srs.ts';
import type { AttachedSr } from '../../src/storage/operations.ts';
import type { ScriptOutcome } from '../../src/storage/plugins/outcome.ts';
import type { Plugin } from '../../src/storage/plugins/plugin.ts';
import { UNKNOWN_QUEUE } from '../../src/storage/takeover.ts';
import type { Struct } from '../../src/wire/value.ts';
import { stubPlugin } from './model-plugin.ts';

const STAT = {
  ...{ sr: 'h', name: 'n', description: 'd', free_space: 0, total_space: 0 },
  ...{ datasources: [], clustered: false, health: ['Healthy', ''] },
};
const WELL: ScriptOutcome = { type: 'result', value: STAT, waited: 0, ran: 0 };
const UNREACHABLE: ScriptOutcome = { ...WELL, value: { ...STAT, health: ['Unreachable', 'the cable'] } };
const UNKNOWN: ScriptOutcome = { type: 'missing' };

const attachedSr = (sr: string, queue = 'q'): AttachedSr => ({
  ...{ sr, queue, handle: `handle-${sr}`, datasources: [], takenOver: true },
});

interface Asked {
  readonly bound: string[];
  readonly wrong: string[];
}

async function ask(
  srs: readonly AttachedSr[],
  plugins: readonly Plugin[],
  bind = async (): Promise<void> => {},
): Promise<Asked> {
  const [bound, wrong]: [string[], string[]] = [[], []];
  const binding = {
    bind: (sr: string, queue: string) => {
      bound.push(`${sr} by ${queue}`);
      return bind();
    },
  };
  await askSrs(srs, plugins, binding, (sr, reason) => wrong.push(`${sr}: ${reason}`));
  return { bound, wrong };
}

test('an SR is asked by its handle, of its own plugin', async () => {
  const asked: Struct[] = [];
  const own = stubPlugin('q', (_method, params) => {
    asked.push(params);
    return WELL;
  });
  const other = stubPlugin('r', () => assert.fail('another plugin is asked'));
  assert.deepEqual(await ask([attachedSr('a')], [other, own]), { bound: ['a by q'], wrong: [] });
  assert.deepEqual(
    asked.map(({ sr }) => sr),
    ['handle-a'],
  );
});

test('an SR that was taken over belongs to the one plugin that knows it', async () => {
  const plugins = [
    stubPlugin('q', () => UNKNOWN),
    stubPlugin('r', () => WELL),
    stubPlugin('s', () => UNREACHABLE),
  ];
  assert.deepEqual(await ask([attachedSr('a', UNKNOWN_QUEUE)], plugins), { bound: ['a by r'], wrong: [] });
});

test('an SR that was taken over belongs to none yet where two plugins know it', async () => {
  const plugins = [stubPlugin('q', () => WELL), stubPlugin('r', () => WELL)];
  assert.deepEqual(await ask([attachedSr('a', UNKNOWN_QUEUE)], plugins), { bound: [], wrong: [] });
});

test('an SR that is not well, that nobody knows, or that has no plugin is told of', async () => {
  const plugins = [stubPlugin('q', () => UNREACHABLE), stubPlugin('r', () => UNKNOWN)];
  const srs = [attachedSr('a'), attachedSr('b', 'gone'), attachedSr('c', UNKNOWN_QUEUE)];
  assert.deepEqual((await ask(srs, plugins)).wrong.sort(), [
    'a: q: Unreachable: the cable',
    'b: there is no plugin gone',
    'c: q: Unreachable: the cable; r: r has no script SR.stat',
  ]);
  assert.deepEqual((await ask([attachedSr('c', UNKNOWN_QUEUE)], [])).wrong, ['c: there is no volume plugin']);
});

test('an SR that hangs holds up none but itself, and few are asked at once', async () => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<ScriptOutcome>();
  const { promise: rest, resolve: restAsked } = Promise.withResolvers<void>();
  let [running, most, over] = [0, 0, 0];
  const plugin = stubPlugin('q', async (_method, { sr }) => {
    running += 1;
    most = Math.max(most, running);
    if (sr === 'handle-0') return held;
    await null;
    running -= 1;
    over += 1;
    if (over === 19) restAsked();
    return WELL;
  });
  const asked = ask(
    Array.from({ length: 20 }, (_, index) => attachedSr(`${index}`)),
    [plugin],
  );
  await rest;
  letGo(UNREACHABLE);
  assert.deepEqual((await asked).wrong, ['0: q: Unreachable: the cable']);
  assert.equal(most, 4);
});

test('an SR whose plugin can not be kept is told of, and the others are asked', async () => {
  const plugin = stubPlugin('q', () => WELL);
  const { bound, wrong } = await ask([attachedSr('a'), attachedSr('b')], [plugin], async () => {
    throw new Error('the disk is full');
  });
  assert.deepEqual(bound, ['a by q', 'b by q']);
  assert.deepEqual(wrong, ['a: the disk is full', 'b: the disk is full']);
});
