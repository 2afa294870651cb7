import { readdirSync, readFileSync } from 'node:fs';

/** The NBD servers whose sockets lie in a directory: those that run, by their pids. */
export const serversOf = (directory: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => {
      const [program = '', ...words] = commandOf(pid);
      return program.endsWith('qemu-nbd') && words.some((word) => word.startsWith(`--socket=${directory}/`));
    })
    .map(Number);

/** Ends them as a machine that runs out of memory does. */
export function stopServers(directory: string): void {
  for (const pid of serversOf(directory)) process.kill(pid, 'SIGKILL');
}

/** Nothing for a process that has ended, be it waited for or not. */
function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
