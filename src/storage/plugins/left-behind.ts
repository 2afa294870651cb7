import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endGroup, signalGroup, statFields } from './group.ts';

/** Scripts that run, kept for the daemon that starts after this one: a script goes on when its daemon is killed. */
export interface RunningScripts {
  /** Notes the leader of a process group; gives what takes the note away. */
  began(pid: number): () => void;
}

export interface RunningScriptsOptions {
  /** A folder of nothing else. */
  readonly directory: string;
  /** Another one at each boot: what an earlier one has left does not run any more. */
  readonly boot: string;
}

/** Keeps a file for each process group, named by its leader's pid, with the boot and when the leader was started. */
export function keepRunningScripts({ directory, boot }: RunningScriptsOptions): RunningScripts {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return {
    began: (pid) => {
      const path = join(directory, `${pid}`);
      try {
        writeFileSync(path, noteOf(boot, startTimeOf(pid) ?? ''), { mode: 0o600 });
      } catch {
        // A disk that is full must not keep disks from being let go of.
        return () => {};
      }
      return () => {
        try {
          rmSync(path, { force: true });
        } catch {
          // Nor must one that has become read-only: who gets the number later was started at another time.
        }
      };
    },
  };
}

/**
 * Ends the scripts that an earlier daemon has left running, with their process groups: what they do is done again, and must
 * not happen beside that. Gives the pids of those that ran. `grace`: ms from TERM to KILL; `lingers` is told of who does not go.
 */
export async function endLeftBehind(
  { directory, boot }: RunningScriptsOptions,
  grace: number,
  lingers: (pid: number) => void,
): Promise<number[]> {
  const left = namesIn(directory).flatMap((name) => {
    const pid = Number(name);
    return /^[1-9][0-9]*$/.test(name) && isTheSame(join(directory, name), boot, pid) ? [pid] : [];
  });
  await Promise.all(left.map((pid) => endGroup(pid, grace, () => lingers(pid))));
  for (const name of namesIn(directory)) rmSync(join(directory, name), { recursive: true });
  return left;
}

const noteOf = (boot: string, startTime: string): string => `${boot} ${startTime}`;

/**
 * Whether the group still runs. A leader that is gone leaves its number to the group as long as anybody is in it; one that
 * was started at another time is another process.
 */
function isTheSame(path: string, boot: string, pid: number): boolean {
  const note = readFileSync(path, 'utf8');
  const startTime = startTimeOf(pid);
  const isOfThisBoot = note.startsWith(`${boot} `);
  return isOfThisBoot && (startTime === undefined || note === noteOf(boot, startTime)) && signalGroup(pid, 0);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** The 22nd field of proc(5): when the process was started, in clock ticks since the boot. Nothing: it is not there. */
function startTimeOf(pid: number): string | undefined {
  try {
    return statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))[19];
  } catch {
    return undefined;
  }
}
