import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ActivateStep,
  type Datapath,
  type DatapathRequest,
  mayWrite,
  plan,
  type Step,
  stateOf,
} from '../../src/storage/datapath-state.ts';
import { BACKEND, choiceOf } from './model-driver.ts';

/** The life of a datapath, a step at a time. */

const CHOSEN = {
  ...{ sr: 'sr', vdi: 'a', domain: '7', choice: choiceOf(), holders: [], underWay: null, phase: 'chosen' },
} as const satisfies Datapath;

const attach = (dp: string, writes?: boolean): DatapathRequest => ({ type: 'attach', dp, writes });
const activate = (dp: string, by: ActivateStep = 'activate'): DatapathRequest => ({
  ...{ type: 'activate', dp, by, writer: undefined },
});
const deactivate = (dp: string): DatapathRequest => ({ type: 'deactivate', dp });
const detach = (dp: string): DatapathRequest => ({ type: 'detach', dp });

/** The scripts of a request, and what the datapath is when all went well. */
function carriedOut(from: Datapath, request: DatapathRequest): { ran: Step[]; to: Datapath | undefined } {
  const ran: Step[] = [];
  let current = from;
  for (;;) {
    const next = plan(current, request);
    if (next.type === 'done') return { ran, to: next.next };
    if (next.type !== 'run') throw new Error(next.type);
    ran.push(next.step);
    const to = next.after(next.step === 'attach' ? BACKEND : null);
    if (to === undefined) return { ran, to };
    current = to;
  }
}

/** The datapath when the requests went well, one after the other. */
const afterAll = (from: Datapath, ...requests: DatapathRequest[]): Datapath =>
  requests.reduce((current, request) => {
    const { to } = carriedOut(current, request);
    if (to === undefined) throw new Error('it is closed');
    return to;
  }, from);

/** The datapath when the daemon was killed in the first script of a request. */
function killedIn(from: Datapath, request: DatapathRequest): Datapath {
  const next = plan(from, request);
  if (next.type !== 'run') throw new Error(next.type);
  return next.before;
}

const scripts = (from: Datapath, request: DatapathRequest): Step[] => carriedOut(from, request).ran;

const LIFE: readonly (readonly [DatapathRequest, Step, string])[] = [
  [attach('p'), 'attach', 'attached'],
  [activate('p'), 'activate', 'activated'],
  [deactivate('p'), 'deactivate', 'attached'],
];

test('its state has a name at each step of its life', () => {
  assert.equal(stateOf(CHOSEN), 'open');
  let current: Datapath = CHOSEN;
  for (const [request, step, name] of LIFE) {
    assert.equal(stateOf(killedIn(current, request)), 'uncertain');
    assert.deepEqual(scripts(current, request), [step]);
    current = afterAll(current, request);
    assert.equal(stateOf(current), name);
  }
  assert.equal(stateOf(killedIn(current, detach('p'))), 'uncertain');
  assert.deepEqual(carriedOut(current, detach('p')), { ran: ['detach'], to: undefined });
});

for (const [index, [request, step]] of LIFE.entries()) {
  const before = afterAll(CHOSEN, ...LIFE.slice(0, index).map(([earlier]) => earlier));
  test(`a ${step} that was under way when the daemon was killed is run again`, () => {
    const killed = killedIn(before, request);
    assert.deepEqual(killed.underWay?.step, step);
    assert.deepEqual(scripts(killed, request), [step]);
    assert.deepEqual(afterAll(killed, request), afterAll(before, request));
  });

  test(`a ${step} that was under way leaves nothing when all is let go of`, () => {
    const { ran, to } = carriedOut(killedIn(before, request), detach('p'));
    assert.equal(to, undefined);
    assert.equal(ran.at(-1), 'detach');
    assert.equal(ran.includes('deactivate'), step !== 'attach');
  });
}

test('a detach that was under way is run again, and what was detached halfway can not be activated', () => {
  const killed = killedIn(afterAll(CHOSEN, attach('p')), detach('p'));
  assert.deepEqual(carriedOut(killed, detach('p')), { ran: ['detach'], to: undefined });
  assert.deepEqual(plan(killed, activate('p')), { type: 'not-attached' });
  assert.deepEqual(scripts(killed, attach('p')), ['attach']);
});

test('detach of what is active deactivates first', () => {
  assert.deepEqual(scripts(afterAll(CHOSEN, attach('p'), activate('p')), detach('p')), [
    'deactivate',
    'detach',
  ]);
});

test('what is not attached can not be activated, nor by a name that does not hold it', () => {
  assert.deepEqual(plan(CHOSEN, activate('p')), { type: 'not-attached' });
  assert.deepEqual(plan(killedIn(CHOSEN, attach('p')), activate('p')), { type: 'not-attached' });
  assert.deepEqual(plan(afterAll(CHOSEN, attach('p')), activate('q')), { type: 'not-attached' });
});

test('only a writer turns from reading to writing with a script of its own, and nothing turns back', () => {
  const reading = afterAll(CHOSEN, attach('p'), activate('p', 'activate_readonly'));
  assert.equal(mayWrite(reading), false);
  assert.deepEqual(scripts(reading, activate('p')), ['activate']);
  const writing = afterAll(reading, activate('p'));
  assert.equal(mayWrite(writing), true);
  assert.deepEqual(scripts(writing, activate('p', 'activate_readonly')), []);
  assert.equal(mayWrite(afterAll(writing, activate('p', 'activate_readonly'))), true);
});

test('whoever was attached for reading does not write, whichever script activates it', () => {
  assert.equal(mayWrite(afterAll(CHOSEN, attach('p', false), activate('p'))), false);
});

test('who attaches again without saying whether for writing has it as before', () => {
  assert.equal(mayWrite(afterAll(CHOSEN, attach('p', false), attach('p'), activate('p'))), false);
  assert.equal(mayWrite(afterAll(CHOSEN, attach('p'), activate('p'))), true);
});

test('who attaches again for writing writes when it is activated again', () => {
  const reading = afterAll(CHOSEN, attach('p', false), activate('p'), attach('p', true));
  assert.equal(mayWrite(reading), false);
  assert.equal(mayWrite(afterAll(reading, activate('p'))), true);
});

test('who writes and attaches again for reading may write until it is put down', () => {
  const both = [attach('p'), attach('q', false), activate('p'), activate('q'), attach('p', false)];
  const writing = afterAll(CHOSEN, ...both, deactivate('q'));
  assert.equal(mayWrite(writing), true);
});

for (const request of [deactivate('p'), detach('p')]) {
  test(`when the writer is gone by ${request.type}, those who read are left`, () => {
    const both = [attach('p'), attach('q', false), activate('p'), activate('q')];
    const writing = afterAll(CHOSEN, ...both);
    assert.equal(mayWrite(writing), true);
    const { ran, to } = carriedOut(writing, request);
    assert.deepEqual(ran, []);
    assert.equal(to?.phase, 'activated');
    assert.equal(to && mayWrite(to), false);
  });
}

test('an activation that may have let it write counts until it was put down', () => {
  const killed = killedIn(afterAll(CHOSEN, attach('p')), activate('p'));
  assert.equal(mayWrite(killed), true);
  assert.equal(mayWrite(afterAll(killed, activate('p', 'activate_readonly'))), true);
  const twice = killedIn(killed, deactivate('p'));
  assert.equal(mayWrite(twice), true);
  assert.equal(mayWrite(afterAll(twice, deactivate('p'))), false);
});

test('a name whose activation was under way holds it active until that name puts it down', () => {
  const held = afterAll(CHOSEN, attach('p'), attach('q', false), attach('r', false));
  const killed = killedIn(held, activate('p'));
  assert.deepEqual(scripts(killed, deactivate('q')), []);
  const others = afterAll(killed, activate('q'), activate('r'), deactivate('r'));
  assert.equal(mayWrite(others), true);
  assert.equal(mayWrite(afterAll(others, deactivate('p'))), false);
});

test('a reading activation after a deactivation under way is not taken for a writing one', () => {
  const killed = killedIn(afterAll(CHOSEN, attach('p'), activate('p')), deactivate('p'));
  const reading = afterAll(killed, activate('p', 'activate_readonly'));
  assert.deepEqual(scripts(reading, activate('p')), ['activate']);
});

test('a writer is refused while another domain may write, and told which, and a reader is not', () => {
  const writer = { ...afterAll(CHOSEN, attach('p'), activate('p')), domain: '8' };
  const attached = afterAll(CHOSEN, attach('p'), attach('q', false));
  const asks = (dp: string, by: ActivateStep) => plan(attached, { type: 'activate', dp, by, writer });
  assert.deepEqual(asks('p', 'activate'), { type: 'written-elsewhere', by: writer });
  assert.equal(asks('p', 'activate_readonly').type, 'run');
  assert.equal(asks('q', 'activate').type, 'run');
});

test('a sharable disk has several writers', () => {
  const sharable = { ...CHOSEN, choice: choiceOf({ sharable: true }) };
  const writer = { ...afterAll(sharable, attach('p'), activate('p')), domain: '8' };
  const request: DatapathRequest = { type: 'activate', dp: 'p', by: 'activate', writer };
  assert.equal(plan(afterAll(sharable, attach('p')), request).type, 'run');
});

test('what is known to be attached and not how is attached again for its backend, and stays as active as it is', () => {
  const adopted: Datapath = {
    ...CHOSEN,
    holders: [{ dp: 'p', writes: true, isActive: true }],
    underWay: { step: 'activate', writing: true },
    phase: 'attached',
    backend: null,
  };
  for (const from of [adopted, afterAll(adopted, activate('p')), afterAll(adopted, deactivate('p'))]) {
    const { ran, to } = carriedOut(from, attach('p'));
    assert.deepEqual(ran, ['attach']);
    assert.deepEqual(to, { ...from, backend: BACKEND });
    assert.deepEqual(killedIn(from, attach('p')), from);
  }
});
