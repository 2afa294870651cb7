import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { statFields } from '../../src/storage/plugins/group.ts';

/** The NBD servers whose sockets lie in a directory: those that run, by their pids. */
export const serversOf = (directory: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => {
      const [program = '', ...words] = commandOf(pid);
      return program.endsWith('qemu-nbd') && words.some((word) => word.startsWith(`--socket=${directory}/`));
    })
    .map(Number);

/** Ends them as a machine that runs out of memory does; settles when they have no files open any more. */
export async function stopServers(directory: string): Promise<void> {
  const pids = serversOf(directory);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  while (pids.some(hasFiles)) await pause(5);
}

/** A dead process stays as long as nobody has waited for it; its other threads may end behind the first. */
function hasFiles(pid: number): boolean {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return !/^[ZX]$/.test(fields[0] ?? '') || Number(fields[17]) > 1;
  } catch {
    return false;
  }
}

/** Nothing for a process that has ended, be it waited for or not. */
function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
