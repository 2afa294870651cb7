/** Words of unshare(1) for a system of its own on this machine, which ends with the program. */
export const OWN_SYSTEM = [
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--cgroup',
  '--uts',
  '--ipc',
  '--net',
] as const;
