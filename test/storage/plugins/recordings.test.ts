import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptRun } from '../../../src/storage/plugins/plugin.ts';
import { Recordings } from '../../../src/storage/plugins/recordings.ts';

const PLUGIN = { kind: 'volume', name: 'q' } as const;

const run = (method: string, more: Partial<ScriptRun> = {}): ScriptRun => ({
  ...PLUGIN,
  method,
  params: { size: 2n ** 60n },
  outcome: { type: 'result', value: null, waited: 5, ran: 1.23456 },
  ...more,
});

function recordings() {
  const clock = { now: 0 };
  return { clock, kept: new Recordings(() => clock.now) };
}

const methodsOf = ({ calls }: ReturnType<Recordings['ask']>): string[] => calls.map(({ method }) => method);

test('calls are kept from when they are first asked for, of that plugin alone, with every digit', () => {
  const { kept } = recordings();
  kept.note(run('before'));
  assert.deepEqual(kept.ask(PLUGIN, 0), { calls: [], lost: 0 });
  kept.note(run('SR.ls'));
  kept.note(run('of another', { name: 'other' }));
  kept.note(run('of another kind', { kind: 'datapath' }));
  kept.note(run('of none', { outcome: { type: 'missing' } }));
  assert.deepEqual(kept.ask(PLUGIN, 0), {
    calls: [
      {
        ...{ number: 1, at: '1970-01-01T00:00:00.000Z', method: 'SR.ls', milliseconds: 1.235 },
        ...{ params: '{"size":1152921504606846976}', outcome: 'result', answer: 'null' },
      },
    ],
    lost: 0,
  });
});

test('an error is kept as the script told it, a failure by its reason', () => {
  const { kept } = recordings();
  kept.ask(PLUGIN, 0);
  const times = { waited: 0, ran: 1 };
  kept.note(run('a', { outcome: { type: 'error', code: 'C', params: ['p'], backtrace: 'b', ...times } }));
  const texts = { script: 's', status: 'exit 1', stdout: '', stderr: '' };
  kept.note(run('b', { outcome: { type: 'failed', reason: 'why', started: true, ...texts, ...times } }));
  assert.deepEqual(
    kept.ask(PLUGIN, 0).calls.map(({ outcome, answer }) => [outcome, answer]),
    [
      ['error', '{"code":"C","params":["p"],"backtrace":"b"}'],
      ['failed', 'why'],
    ],
  );
});

test('what was fetched is forgotten, and what was not comes again', () => {
  const { kept } = recordings();
  kept.ask(PLUGIN, 0);
  for (const method of ['a', 'b', 'c']) kept.note(run(method));
  assert.deepEqual(methodsOf(kept.ask(PLUGIN, 0)), ['a', 'b', 'c']);
  assert.deepEqual(methodsOf(kept.ask(PLUGIN, 2)), ['c']);
  assert.deepEqual(methodsOf(kept.ask(PLUGIN, 3)), []);
  kept.note(run('d'));
  assert.deepEqual(kept.ask(PLUGIN, 3).calls[0]?.number, 4);
});

test('of too many calls the oldest are lost, and counted', () => {
  const { kept } = recordings();
  kept.ask(PLUGIN, 0);
  for (let number = 1; number <= 1003; number += 1) kept.note(run(`${number}`));
  const { calls, lost } = kept.ask(PLUGIN, 0);
  assert.deepEqual([calls.length, calls[0]?.method, lost], [1000, '4', 3]);
});

test('calls that nobody has asked for in 30 s are kept no more', () => {
  const { clock, kept } = recordings();
  kept.ask(PLUGIN, 0);
  clock.now = 30_000;
  kept.note(run('in time'));
  assert.deepEqual(methodsOf(kept.ask(PLUGIN, 0)), ['in time']);
  clock.now = 60_001;
  kept.note(run('too late'));
  assert.deepEqual(kept.ask(PLUGIN, 0), { calls: [], lost: 0 });
});

test('who asks on after more than 30 s gets the calls from then on', () => {
  const { clock, kept } = recordings();
  kept.ask(PLUGIN, 0);
  for (const method of ['a', 'b', 'c']) kept.note(run(method));
  assert.equal(kept.ask(PLUGIN, 0).calls.at(-1)?.number, 3);
  clock.now = 30_001;
  kept.ask(PLUGIN, 3);
  kept.note(run('d'));
  assert.deepEqual(methodsOf(kept.ask(PLUGIN, 3)), ['d']);
});
