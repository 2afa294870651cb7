import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Broker } from '../../src/switch/broker.ts';
import type { TraceEvent } from '../../src/switch/protocol.ts';
import { Trace } from '../../src/switch/trace.ts';
import { ask, sent } from './ask.ts';
import { LIMITS } from './helpers.ts';

const note = (trace: Trace, payload: Buffer): void =>
  trace.add({
    time: 0,
    queue: 'q',
    what: { type: 'message', id: { queue: 'q', id: 0 }, payload, kind: { type: 'request', replyTo: 'r' } },
  });
const payloadOf = ({ what }: TraceEvent): string => (what.type === 'message' ? what.payload.toString() : '');

test('the trace keeps the last events up to switch.traceEntries, and numbers go on', () => {
  const trace = new Trace({ traceEntries: 3, traceBytes: 1000, tracePayloadBytes: 100 });
  for (const text of ['a', 'b', 'c', 'd', 'e']) note(trace, Buffer.from(text));
  const shown = (from: number) => trace.from(from).map((event) => [event.number, payloadOf(event)]);
  assert.deepEqual(shown(-1), [
    [2, 'c'],
    [3, 'd'],
    [4, 'e'],
  ]);
  assert.deepEqual(shown(4), [[4, 'e']]);
  assert.deepEqual(shown(5), []);
});

test('the trace keeps no more payload than switch.traceBytes', () => {
  const trace = new Trace({ traceEntries: 100, traceBytes: 10, tracePayloadBytes: 100 });
  for (const text of ['12345', '1234', '12', '']) note(trace, Buffer.from(text));
  assert.deepEqual(trace.from(-1).map(payloadOf), ['1234', '12', '']);
});

test('a payload longer than switch.tracePayloadBytes is cut between two characters, and shows that it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 30 }), (text, tracePayloadBytes) => {
      const trace = new Trace({ traceEntries: 1, traceBytes: 1000, tracePayloadBytes });
      const payload = Buffer.from(text);
      note(trace, payload);
      const [shown = ''] = trace.from(-1).map(payloadOf);
      if (payload.length <= tracePayloadBytes) {
        assert.equal(shown, text);
        return;
      }
      assert.ok(shown.endsWith('…') && text.startsWith(shown.slice(0, -1)), JSON.stringify(shown));
      const kept = Buffer.byteLength(shown.slice(0, -1));
      assert.ok(kept <= tracePayloadBytes && kept > tracePayloadBytes - 4, `${kept} bytes`);
    }),
  );
});

test('the delivery of a response tells how long its request took, as long as that is not acked', () => {
  const broker = new Broker(LIMITS, 0);
  for (const queue of ['service', 'reply']) ask(broker, { type: 'create', queue, lifetime: 'persistent' });
  ask(broker, sent('service', 'a request, at time 0'));
  const to = { queue: 'service', id: 0 };
  ask(broker, { type: 'send', queue: 'reply', kind: { type: 'response', to }, payload: Buffer.from('done') });
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'caller' }, 0);
  const deliver = (now: number): number | undefined => {
    broker.decide(connection, { type: 'transfer', from: -1, timeout: 0, queues: ['reply'] }, now);
    const decision = broker.decide(connection, { type: 'trace', from: -1, timeout: 0 }, now);
    assert.ok(decision.type === 'answer' && decision.out.type === 'events');
    return decision.out.events.at(-1)?.processingTime;
  };
  assert.equal(deliver(250), 250);
  ask(broker, { type: 'ack', id: to });
  assert.equal(deliver(300), undefined);
});
