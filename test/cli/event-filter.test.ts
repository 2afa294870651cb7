import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageId, TraceEvent } from '../../src/cli/answers.ts';
import { eventFilter, type Wanted } from '../../src/cli/event-filter.ts';

const event = (queue: string, what: TraceEvent['what']): TraceEvent => {
  return { number: 0, time: 0, input: undefined, queue, output: undefined, what, processingTime: undefined };
};

const asked = (id: MessageId, payload: string, replyTo = 'replies'): TraceEvent => {
  const kind = { type: 'request', replyTo } as const;
  return event(id.queue, { type: 'message', id, payload: Buffer.from(payload), kind });
};

const answered = (id: MessageId, to: MessageId): TraceEvent => {
  const kind = { type: 'response', to } as const;
  return event(id.queue, { type: 'message', id, payload: Buffer.from('{}'), kind });
};

const acked = (id: MessageId): TraceEvent => event(id.queue, { type: 'ack', id });

/** All that happens to a call; the answer has the same number. */
function call(queue: string, id: number, payload: string): TraceEvent[] {
  const [request, answer] = [
    { queue, id },
    { queue: 'replies', id },
  ];
  return [
    asked(request, payload),
    asked(request, payload),
    answered(answer, request),
    acked(request),
    answered(answer, request),
    acked(answer),
  ];
}

const EVENTS = [
  ...call('one', 1, '{"method":"Volume.attach","params":[]}'),
  ...call('two', 2, '{"method":"Volume.stat","params":[]}'),
  // As the trace cuts it.
  ...call('one', 3, '{"params":[], "method" : "SR.scan","id":…'),
  ...call('two', 4, 'no JSON'),
  ...call('three', 5, '{"method":"VDI.attach3","params":[{"sr":"s1","vdi":"d","vm":"7"}]}'),
  ...call('three', 6, '{"method":"Datapath.attach","params":[{"uri":"d://x","domain":7}]}'),
  ...call('three', 7, '{"method":"SR.stat","params":[{"sr":"s2","x":{"sr":"s1"}'),
  ...call('three', 8, '{"method":"VDI.stat","params":[{"x":{"sr":"s1","vm":"7"}}]}'),
];

const shown = (wanted: Wanted): number[] => [
  ...new Set(EVENTS.filter(eventFilter(wanted)).map(({ what }) => what.id.id)),
];

const EXPECTED: readonly (readonly [Wanted, readonly number[]])[] = [
  [{}, [1, 2, 3, 4, 5, 6, 7, 8]],
  [{ queue: 'one' }, [1, 3]],
  [{ queue: 'o*' }, [1, 3]],
  [{ queue: 'on' }, []],
  [{ queue: '*' }, [1, 2, 3, 4, 5, 6, 7, 8]],
  [{ queue: 'replies' }, [1, 2, 3, 4, 5, 6, 7, 8]],
  [{ method: 'Volume.*' }, [1, 2]],
  [{ method: 'Volume.stat' }, [2]],
  [{ method: 'SR?scan' }, []],
  [{ method: 'SR.scan' }, [3]],
  [{ queue: 'two', method: 'Volume.*' }, [2]],
  [{ sr: 's1' }, [5]],
  [{ sr: 's*' }, [5, 7]],
  [{ vm: '7' }, [5, 6]],
  [{ vm: '7', sr: '*' }, [5]],
  [{ method: 'SR.*', sr: 's2' }, [7]],
];
for (const [wanted, ids] of EXPECTED) {
  test(`${JSON.stringify(wanted)} shows the calls ${ids.join(', ') || 'of none'}`, () => {
    assert.deepEqual(shown(wanted), ids);
  });
}

test('a call is shown with its deliveries, its answer and the acks of both', () => {
  const filter = eventFilter({ method: 'Volume.stat' });
  assert.equal(EVENTS.filter(filter).length, 6);
});

test('an answer and an ack whose request was not seen are of no method, but of a queue', () => {
  const late = call('one', 5, '{"method":"SR.scan","params":[]}').slice(2);
  assert.deepEqual(late.filter(eventFilter({ method: '*' })), []);
  assert.equal(late.filter(eventFilter({ queue: 'one' })).length, 4);
});
