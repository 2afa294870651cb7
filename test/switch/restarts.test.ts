import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRecord, encodeRecord } from '../../src/journal/record.ts';
import { Broker } from '../../src/switch/broker.ts';
import type { Decision } from '../../src/switch/decision.ts';
import type { Operation } from '../../src/switch/protocol.ts';
import { operationCodec } from '../../src/switch/record.ts';
import { expire, type Outcome, outcome } from './ask.ts';
import { LIMITS } from './helpers.ts';
import { Model } from './model.ts';
import { CONNECTIONS, LOGINS, type Step, step } from './steps.ts';

/** Owners are waited for until the end of a sequence. */
const WAITING = { ...LIMITS, sessionGrace: 1e12 };

/** Ids go on from this times the number of the restart: more than any sequence gives. */
const IDS_A_LIFE = 1_000_000;
const MS_A_LIFE = IDS_A_LIFE / 1000;

const lives = fc.array(fc.array(step, { maxLength: 30, size: 'max' }), { minLength: 1, maxLength: 4 });

const hasSession = (decision: Decision): boolean =>
  decision.type === 'wait' || decision.out.type !== 'refused';

/** A switch that is started again and again from the records that it wrote. */
function runWithRestarts(sequences: readonly (readonly Step[])[], compacted: boolean): Outcome[] {
  let records: Buffer[] = [];
  const outcomes: Outcome[] = [];
  for (const [life, sequence] of sequences.entries()) {
    const broker = new Broker(WAITING, 0);
    for (const record of records)
      for (const operation of decodeRecord(operationCodec, record)) broker.apply(operation);
    if (life > 0) broker.open(life * MS_A_LIFE);
    if (compacted) records = [encodeRecord(operationCodec, [...broker.snapshot()])[1]];
    const keep = (operations: readonly Operation[]): void => {
      if (operations.length > 0) records.push(encodeRecord(operationCodec, operations)[1]);
    };
    const connections = CONNECTIONS.map(() => broker.connect());
    for (const { connection: index, request } of sequence) {
      const connection = connections[index] ?? broker.connect();
      if (request === 'disconnect') {
        broker.disconnect(connection, 0);
        keep(expire(broker, 0));
        outcomes.push('gone');
      } else {
        const decision = broker.decide(connection, request, 0);
        if (decision.type === 'answer') keep(decision.operations);
        outcomes.push(outcome(broker, decision));
        if (request.type === 'transfer' && hasSession(decision)) {
          const heard = broker.heard(request.queues);
          keep(heard);
          for (const operation of heard) broker.apply(operation);
        }
      }
    }
  }
  return outcomes;
}

function runModel(sequences: readonly (readonly Step[])[]): Outcome[] {
  const model = new Model();
  return sequences.flatMap((sequence, life) => {
    if (life > 0) model.restart(life * IDS_A_LIFE);
    return sequence.map(({ connection, request }) =>
      request === 'disconnect' ? model.disconnect(connection) : model.ask(connection, request),
    );
  });
}

for (const [from, compacted] of [
  ['its records', false],
  ['a snapshot and the records after it', true],
] as const) {
  test(`started again from ${from} at any point, a broker answers as the model does`, () => {
    fc.assert(
      fc.property(lives, (sequences) => {
        const logged = sequences.map((sequence) => [...LOGINS, ...sequence]);
        assert.deepEqual(runWithRestarts(logged, compacted), runModel(logged));
      }),
      { numRuns: 500 },
    );
  });
}
