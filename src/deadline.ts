/** The end of the time within which something is to come from outside of this process. */
export interface Deadline {
  /** The time begins anew. */
  refresh(): void;
  clear(): void;
}

export interface DeadlineOptions {
  /** Whether the process lives on until it is over. */
  readonly keepsAlive: boolean;
}

/**
 * Calls back when nobody has cleared it for `ms`, and what has come by then is read. Timers run before sockets, pipes and
 * children are looked at: where this process was held up itself, by a suspended host or for want of a CPU, what it waits for
 * may lie here unread. And others may have waited for this process: so late as it comes to look, so much longer it waits,
 * but at most as long again.
 */
export function setDeadline(
  over: () => void,
  ms: number,
  { keepsAlive }: DeadlineOptions = { keepsAlive: true },
): Deadline {
  let timer: NodeJS.Timeout | undefined;
  let read: NodeJS.Immediate | undefined;
  const wait = (time: number, then: () => void): void => {
    timer = setTimeout(then, time);
    if (!keepsAlive) timer.unref();
  };
  const readFirst = (): void => {
    read = setImmediate(over);
  };
  const begin = (): void => {
    const due = performance.now() + ms;
    wait(ms, () => {
      const late = Math.min(performance.now() - due, ms);
      if (late < 1) readFirst();
      else wait(late, readFirst);
    });
  };
  const clear = (): void => {
    clearTimeout(timer);
    clearImmediate(read);
  };
  begin();
  return {
    refresh: () => {
      clear();
      begin();
    },
    clear,
  };
}
