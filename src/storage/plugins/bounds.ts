import { setDeadline } from '../../deadline.ts';
import { type Status, seconds } from './outcome.ts';
import type { PluginProcess } from './process.ts';
import type { PluginLog } from './settings.ts';

/** What bounds a call of a script. Times in ms. */
export interface CallLimits {
  readonly timeout: number;
  readonly slowAfter: number;
  readonly killGrace: number;
}

export interface BoundsOptions {
  readonly limits: CallLimits;
  readonly log: PluginLog;
  /** Stand in each line that is logged. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Ends the call before its time. */
  readonly stopping: AbortSignal;
}

/** Watches over a process while it answers one call. */
export interface Bounds {
  /** Gives what the call ended with: this, or the bound that was broken, once nothing of the process's group runs. */
  orBroken<T>(ended: Promise<T>): Promise<T | Status>;
  /** Ends the process's group for a reason. */
  break(status: Status): void;
  /** The call is over. */
  lift(): void;
}

export function setBounds(process: PluginProcess, { limits, log, fields, stopping }: BoundsOptions): Bounds {
  const { timeout, slowAfter, killGrace } = limits;
  const broken = Promise.withResolvers<Status>();
  let breaking = false;

  const breakWith = (status: Status): void => {
    if (breaking) return;
    breaking = true;
    const lingers = (): void =>
      log.warn({ ...fields }, 'a script does not end, although it was killed: its call waits until it has');
    process.end(killGrace, lingers).then(() => broken.resolve(status), broken.reject);
  };

  const late = setDeadline(() => {
    // What it wrote before its end is about to be read.
    if (!process.isOver()) breakWith({ type: 'timed-out', after: timeout });
  }, timeout);
  const slow = setTimeout(
    () => log.warn({ ...fields, after: slowAfter }, `a script takes more than ${seconds(slowAfter)}`),
    slowAfter,
  );
  const stop = (): void => breakWith({ type: 'stopped' });
  if (stopping.aborted) stop();
  else stopping.addEventListener('abort', stop);

  return {
    orBroken: (ended) =>
      Promise.race([broken.promise, ended.then(async (status) => (breaking ? broken.promise : status))]),
    break: breakWith,
    lift: () => {
      late.clear();
      clearTimeout(slow);
      stopping.removeEventListener('abort', stop);
    },
  };
}
