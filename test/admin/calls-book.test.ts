import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallBook, callerOf, callFilter, serverOf, stateOf, tookOf } from '../../src/admin/page/calls.ts';
import type { TraceFact } from '../../src/admin/page/facts.ts';
import { layOut } from '../../src/admin/page/layout.ts';
import { readOutcome, readRequest } from '../../src/admin/page/payload.ts';

/** What the page makes of events, without a browser. */

const request = (n: number, id: number, payload: string, to?: string): TraceFact => ({
  ...{ n, time: n * 10, queue: 'service', id, kind: 'request', replyTo: 'reply', payload },
  ...{ input: to === undefined ? 'caller' : undefined, output: to },
});
const response = (n: number, id: number, to: number, payload: string, output?: string): TraceFact => ({
  ...{ n, time: n * 10, queue: 'reply', id, kind: 'response', to: { queue: 'service', id: to }, payload },
  ...{ input: output === undefined ? 'server' : undefined, output },
});
const ack = (n: number, queue: string, id: number, input: string): TraceFact => ({
  ...{ n, time: n * 10, queue, id, kind: 'ack', input, output: undefined },
});

const CALL = '{"method":"VDI.attach3","params":[{"sr":"s1","vdi":"12","vm":"5"}],"id":1}';

/** A whole call: six events. */
const whole = (n: number, id: number, answer = '{"result":null,"error":null,"id":1}'): TraceFact[] => [
  request(n, id, CALL),
  request(n + 1, id, CALL, 'server'),
  response(n + 2, id + 100, id, answer),
  ack(n + 3, 'service', id, 'server'),
  response(n + 4, id + 100, id, answer, 'caller'),
  ack(n + 5, 'reply', id + 100, 'caller'),
];

test('a call is put together of its six events', () => {
  const book = new CallBook();
  const states: string[] = [];
  for (const event of whole(0, 7)) {
    book.add([event]);
    states.push(stateOf(book.get('service.7') ?? assert.fail()));
  }
  assert.deepEqual(states, ['waiting', 'running', 'ok', 'ok', 'ok', 'ok']);
  const [call = assert.fail()] = book.calls;
  assert.deepEqual([call.method, call.sr, call.vdi, call.domain], ['VDI.attach3', 's1', '12', '5']);
  assert.deepEqual([callerOf(call), serverOf(call), tookOf(call, 1000)], ['caller', 'server', 20]);
  assert.deepEqual(Object.keys(call.moments).sort(), [
    'acked',
    'answer acked',
    'answer fetched',
    'answered',
    'fetched',
    'sent',
  ]);
});

test('events that come again change nothing, and those that are missing are counted', () => {
  const book = new CallBook();
  book.add(whole(10, 1));
  book.add(whole(10, 1));
  assert.deepEqual([book.calls.length, book.lost], [1, 0]);
  book.add(whole(20, 2));
  assert.deepEqual([book.calls.length, book.lost], [2, 4]);
});

test('the oldest calls are forgotten when there are many', () => {
  const book = new CallBook();
  for (let id = 0; id < 1000; id += 1) book.add(whole(id * 6, id));
  assert.equal(book.calls.length, 300);
  assert.equal(book.calls[0]?.id, 700);
});

for (const [payload, outcome] of [
  ['{"result":null,"error":null,"id":1}', 'ok'],
  ['{"result":null,"error":["SR_full",[]],"id":1}', 'failed'],
  ['{"jsonrpc":"2.0","result":{"a":1},"id":1}', 'ok'],
  ['{"result":{"a":1', 'ok'],
  ['{"result":null,"error":["SR_fu', 'failed'],
  ['{"error":null,"result":{"a', 'ok'],
  ['hello', undefined],
] as const) {
  test(`an answer ${payload} is ${outcome ?? 'not told'}`, () => assert.equal(readOutcome(payload), outcome));
}

test('what a request is about is found in one that was cut, too', () => {
  const cut = `${CALL.slice(0, 47)}…`;
  assert.deepEqual(readRequest(cut), { method: 'VDI.attach3', sr: 's1', vdi: undefined, domain: undefined });
  assert.deepEqual(readRequest('\0'), {
    method: undefined,
    sr: undefined,
    vdi: undefined,
    domain: undefined,
  });
});

test('a filter takes parts of names, in which a star stands for anything', () => {
  const book = new CallBook();
  book.add(whole(0, 1));
  const fits = (wanted: Partial<Record<'queue' | 'method' | 'sr', string>>): boolean =>
    book.calls.some(callFilter({ queue: '', method: '', sr: '', ...wanted }));
  assert.ok(
    fits({}) && fits({ queue: 'serv' }) && fits({ method: 'vdi.*3' }) && fits({ sr: 'S1', queue: '*ice' }),
  );
  assert.ok(!fits({ queue: 'other' }) && !fits({ method: '3*vdi' }) && !fits({ sr: 's2', queue: 'service' }));
});

test('a diagram has a line for the caller and one for the queue, and arrows in the order of the events', () => {
  const book = new CallBook();
  // The second call begins before the first is answered.
  const [one, two] = [whole(0, 1), whole(6, 2)];
  const order = [one[0], two[0], one[1], two[1], two[2], one[2], two[4], one[4]];
  book.add(order.map((event, n) => ({ ...(event ?? assert.fail()), n })));
  const { lanes, arrows, bars, width } = layOut(book.calls, { width: 600, now: 0, took: (ms) => `${ms} ms` });
  assert.deepEqual(
    lanes.map(({ name }) => name),
    ['caller', 'service'],
  );
  const byHeight = [...arrows].sort((a, b) => a.y - b.y).map(({ key }) => key);
  assert.deepEqual(byHeight, ['> service.1', '> service.2', '< service.2', '< service.1']);
  assert.ok(lanes.every(({ x }) => x > 0 && x < width));
  // At the same time: beside each other.
  const works = bars.filter(({ kind }) => kind === 'works');
  assert.equal(new Set(works.map(({ x }) => x)).size, 2);
  assert.ok(bars.every(({ from, to, isOpen }) => to > from && !isOpen));
});

test('a diagram has no more lines than there is room for, and tells what it has left out', () => {
  const book = new CallBook();
  const events = [0, 1, 2, 3, 4, 5].map(
    (n): TraceFact => ({ ...request(n, 1, CALL), queue: n % 2 === 0 ? 'service' : `q${n}`, id: n }),
  );
  book.add(events);
  const { lanes, drawn, leftOut } = layOut(book.calls, { width: 340, now: 0, took: String });
  assert.ok(lanes.length <= 4);
  assert.deepEqual(
    drawn.map(({ id }) => id),
    [0, 2, 3, 4, 5],
  );
  assert.equal(leftOut, 1);
});
