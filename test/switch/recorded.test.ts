import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectHttp, type HttpClient, startSwitch } from './helpers.ts';

/** One request as xapi's own switch answered it, or the close of a connection. */
interface Row {
  readonly connection: string;
  readonly close?: true;
  readonly method: string;
  readonly target: string;
  readonly body?: string;
  readonly status: number;
  readonly answer: string;
}

interface Reply {
  readonly status: number;
  readonly answer: string;
}

interface Difference {
  readonly rows: readonly number[];
  readonly reason: string;
  /** What we answer, made of what was recorded. */
  readonly ours: (recorded: Reply) => Reply;
}

const file = join(import.meta.dirname, '../recorded/switch.jsonl');
const rows: Row[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

/** The ring of events that the recorded switch keeps by default. */
const RECORDED_TRACE_ENTRIES = 16;

/** Every place where we answer otherwise. Rows are counted from 0, as in the recording. */
const DIFFERENCES: readonly Difference[] = [
  {
    rows: [30, 31, 32, 34, 57],
    reason:
      'a transfer gives the oldest message first: who serves in order serves in the order of the requests',
    ours: (recorded) => {
      const { messages, next } = JSON.parse(recorded.answer);
      return { status: 200, answer: JSON.stringify({ messages: messages.toReversed(), next }) };
    },
  },
  {
    rows: [48, 49, 50],
    reason: 'the trace has the deliveries of a transfer in the order in which it gave them',
    ours: (recorded) => ({ status: 200, answer: oldestDeliveredFirst(recorded.answer) }),
  },
  {
    rows: [39],
    reason: 'what the client got wrong is told to it, and is no error of the switch',
    ours: () =>
      badRequest(
        'the id of the message that is answered: expected a whole number below 2^53, got "notanumber"',
      ),
  },
  {
    rows: [44],
    reason: 'as above',
    ours: () => badRequest('the id of the message to ack: expected a whole number below 2^53, got "x"'),
  },
  {
    rows: [52],
    reason: 'as above',
    ours: () => badRequest('the body of a transfer: no JSON: something follows the text'),
  },
  {
    rows: [53],
    reason: 'as above',
    ours: () => badRequest('queues: expected a list of names'),
  },
  {
    rows: [54, 55],
    reason: 'a null is an absent cursor, and a cursor may be a number: what many JSON libraries write',
    ours: () => {
      const messages = ['text "quoted"\n\ttab é €', '', 'x'].map((payload, index) => {
        const id = index + 1;
        return [['svc', id], { payload, kind: ['Request', id === 3 ? '' : 'alice:1'] }];
      });
      return { status: 200, answer: JSON.stringify({ messages, next: '3' }) };
    },
  },
];

const badRequest = (answer: string): Reply => ({ status: 400, answer });

/** The first events of the recorded ring are deliveries of three transfers from `svc`: the ids as they come here. */
const DELIVERED = [3, 0, 1, 2, 3, 0, 1, 2, 3];

function oldestDeliveredFirst(answer: string): string {
  const events: [number, { message: [string, [string, number], unknown] }][] = JSON.parse(answer).events;
  const contents = new Map(
    events.slice(0, DELIVERED.length).map(([, { message }]) => [message[1][1], message]),
  );
  const ours = events.map(([number, event], index) => {
    const id = DELIVERED[index];
    return id === undefined ? [number, event] : [number, { ...event, message: contents.get(id) }];
  });
  return JSON.stringify({ events: ours });
}

/** Times differ from run to run. */
const masked = ({ status, answer }: Reply): Reply => ({
  status,
  answer: answer.replace(/"(time|current_time|next_transfer_expected)":[0-9.]+/g, '"$1":0'),
});

test("every answer is the recorded one of xapi's switch, but for the differences listed", async (t) => {
  const { path, closed } = await startSwitch(t, { traceEntries: RECORDED_TRACE_ENTRIES });
  const clients = new Map<string, HttpClient>();
  let closes = 0;
  for (const [number, row] of rows.entries()) {
    const client = clients.get(row.connection) ?? (await connectHttp(t, path));
    clients.set(row.connection, client);
    if (row.close) {
      client.end();
      closes += 1;
      await closed(closes);
      continue;
    }
    const { status, body } = await client.ask(row.method, row.target, row.body);
    const got = masked({ status, answer: body.toString() });
    const recorded = masked({ status: row.status, answer: row.answer });
    const difference = DIFFERENCES.find((candidate) => candidate.rows.includes(number));
    const asked = `row ${number}: ${row.method} ${row.target} ${row.body ?? ''}`;
    if (difference === undefined) {
      assert.deepEqual(got, recorded, asked);
    } else {
      assert.deepEqual(got, masked(difference.ours(recorded)), asked);
      assert.notDeepEqual(got, recorded, `${asked}: differs no longer`);
    }
  }
});

test('the recording has a row for every difference listed', () => {
  for (const { rows: numbers } of DIFFERENCES) {
    for (const number of numbers) assert.equal(rows[number]?.close, undefined, `row ${number}`);
    assert.ok(numbers.every((number) => number < rows.length));
  }
});
