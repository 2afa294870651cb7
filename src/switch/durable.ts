import { Broker, type BrokerLimits } from './broker.ts';
import { type HostOptions, keepInMemory, SwitchHost } from './host.ts';
import { Journal, type JournalOptions } from './journal/journal.ts';

export interface DurableSwitchOptions {
  readonly limits: BrokerLimits;
  /** Where and how what is accepted is kept; `undefined`: for as long as the process lives. */
  readonly journal: Omit<JournalOptions, 'apply' | 'snapshot' | 'heldBytes'> | undefined;
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
  readonly shutdown: HostOptions['shutdown'];
}

export interface DurableSwitch {
  readonly host: SwitchHost;
  /** Bytes of what is held, roughly. */
  readonly heldBytes: () => number;
  /** Why nothing more is accepted at present; `undefined`: all is well. */
  readonly trouble: () => string | undefined;
  /** Keeps all that was accepted. Nobody may ask any more. */
  close(): Promise<void>;
}

/**
 * A switch with what its journal holds. Throws a `JournalError` when that can't be read, or the file system's error.
 */
export function openDurableSwitch({ limits, journal, now, shutdown }: DurableSwitchOptions): DurableSwitch {
  const broker = new Broker(limits, now());
  const kept =
    journal === undefined
      ? undefined
      : new Journal({
          ...journal,
          apply: (operation) => broker.apply(operation),
          snapshot: () => broker.snapshot(),
          heldBytes: () => broker.heldBytes,
        });
  broker.open(now());
  const commit: HostOptions['commit'] =
    kept === undefined ? keepInMemory : (operations, settle) => kept.commit(operations, settle);
  return {
    host: new SwitchHost({ broker, now, commit, shutdown }),
    heldBytes: () => broker.heldBytes,
    trouble: () => kept?.trouble,
    close: async () => kept?.close(),
  };
}
