import { Journal, type JournalOptions } from '../journal/journal.ts';
import { Broker } from './broker.ts';
import type { FailureAnswer } from './drops.ts';
import { type HostOptions, keepInMemory, SwitchHost } from './host.ts';
import type { BrokerLimits } from './limits.ts';
import type { SwitchMeter } from './meter.ts';
import type { Operation, TraceEvent } from './protocol.ts';
import { operationCodec } from './record.ts';
import {
  type Audience,
  audienceOf,
  type Measures,
  measuresOf,
  type Unattended,
  unattendedQueues,
} from './report.ts';

export interface DurableSwitchOptions {
  readonly limits: BrokerLimits;
  /** Where and how what is accepted is kept; `undefined`: for as long as the process lives. */
  readonly journal:
    | Omit<JournalOptions<Operation>, 'codec' | 'apply' | 'applyRecord' | 'snapshot' | 'heldBytes'>
    | undefined;
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
  readonly shutdown: HostOptions['shutdown'];
  readonly failureAnswer: FailureAnswer;
  readonly policy: NonNullable<HostOptions['policy']>;
  readonly meter: SwitchMeter;
  readonly observer?: HostOptions['observer'];
}

export interface DurableSwitch {
  readonly host: SwitchHost;
  /** Bytes of what is held, roughly. */
  readonly heldBytes: () => number;
  /** Where requests wait though nobody listens. */
  readonly unattended: () => Unattended[];
  /** What there is now, in numbers. */
  readonly measures: () => Measures;
  readonly audience: (queue: string) => Audience;
  /** The events of the trace that are still there, from a number on. */
  readonly traced: (from: number) => readonly TraceEvent[];
  /** Why nothing more is accepted at present; `undefined`: all is well. */
  readonly trouble: () => string | undefined;
  /** Keeps all that was accepted. Nobody may ask any more. */
  close(): Promise<void>;
}

/**
 * A switch with what its journal holds. Throws a `JournalError` when that can't be read, or the file system's error.
 */
export function openDurableSwitch(options: DurableSwitchOptions): DurableSwitch {
  const { limits, journal, now, shutdown, failureAnswer, policy, meter, observer } = options;
  const broker = new Broker(limits, now(), { failureAnswer, meter });
  const kept =
    journal === undefined
      ? undefined
      : new Journal({
          ...journal,
          codec: operationCodec,
          apply: (operation) => broker.apply(operation),
          applyRecord: (body) => broker.applyRequests(body),
          snapshot: () => broker.snapshot(),
          heldBytes: () => broker.heldBytes,
        });
  broker.open(now());
  const commit: HostOptions['commit'] =
    kept === undefined ? keepInMemory : (operations, settle) => kept.commit(operations, settle);
  return {
    host: new SwitchHost({ broker, now, commit, shutdown, policy: counted(policy, meter), observer }),
    heldBytes: () => broker.heldBytes,
    unattended: () => unattendedQueues(broker.observed),
    measures: () => measuresOf(broker),
    audience: (queue) => audienceOf(broker.observed, queue),
    traced: (from) => broker.observed.trace.from(from),
    trouble: () => kept?.trouble,
    close: async () => kept?.close(),
  };
}

/** A policy of which each refusal is counted. */
const counted =
  (policy: DurableSwitchOptions['policy'], meter: SwitchMeter): DurableSwitchOptions['policy'] =>
  (peer) => {
    const guard = policy(peer);
    if (guard === undefined) {
      meter.refused('switch.policy');
      return undefined;
    }
    return (request) => {
      const reason = guard(request);
      if (reason !== undefined) meter.refused('switch.policy');
      return reason;
    };
  };
