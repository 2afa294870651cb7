import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** A process group, named by its leader's pid. */

const FIRST_LOOK_MS = 2;
const LONGEST_PAUSE_MS = 100;
/** What KILL ends is gone by then, on a host that has others to serve as well. */
const KILLED_MS = 10_000;

/**
 * Ends a group: TERM, and to what is left of it after `grace` ms, KILL. Settles when nothing of it runs any more, and
 * not before: a process in the kernel's hands may still write to a disk. `lingers` is called when KILL did not do.
 */
export async function endGroup(leader: number, grace: number, lingers: () => void): Promise<void> {
  signalGroup(leader, 'SIGTERM');
  if (await goneWithin(leader, grace)) return;
  signalGroup(leader, 'SIGKILL');
  if (await goneWithin(leader, KILLED_MS)) return;
  lingers();
  while (!(await goneWithin(leader, KILLED_MS))) signalGroup(leader, 'SIGKILL');
}

/** Whether there was anybody to get it. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch (error) {
    // EPERM: it is there, and became another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function goneWithin(leader: number, time: number): Promise<boolean> {
  let wait = FIRST_LOOK_MS;
  for (let waited = 0; ; waited += wait) {
    if (!signalGroup(leader, 0) || !(await hasLiving(leader))) return true;
    if (waited >= time) return false;
    wait = Math.min(2 * wait, LONGEST_PAUSE_MS, Math.max(time - waited, 1));
    await pause(wait);
  }
}

/**
 * Whether one of the group still runs. The dead whom nobody has waited for are in it, too; in a container whose first
 * process waits for nobody they stay for ever.
 */
async function hasLiving(leader: number): Promise<boolean> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^[0-9]+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')));
  return stats.some((stat) => {
    const [state = 'X', , group] = statFields(stat);
    return Number(group) === leader && state !== 'Z' && state !== 'X';
  });
}

/** The fields of a process's `stat` from the third on, its state: the name in brackets may hold anything: proc(5). */
export const statFields = (stat: string): string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ');
