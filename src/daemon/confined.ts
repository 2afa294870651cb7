import { readFileSync, readlinkSync } from 'node:fs';
import type { Logger } from '../log.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** capabilities(7): the bit of CAP_SYS_ADMIN, without which nothing is mounted. */
const CAP_SYS_ADMIN = 21n;

/**
 * Gives what warns, the first time that it is called, when this is a service in which plugins can't do what storage plugins
 * mostly do: they seem to work, and no disk comes.
 */
export function createConfinedWarning(environment: Environment, logger: Logger): () => void {
  let isSaid = false;
  return () => {
    if (isSaid) return;
    isSaid = true;
    const reason = whyConfined(environment);
    if (reason === undefined) return;
    const advice = 'unless that is meant, add the drop-in datapathd.service.d/storage-plugins.conf';
    logger.warn({ reason }, `the plugins are confined: ${reason}; ${advice}`);
  };
}

/** Asked of a service of systemd alone, which has INVOCATION_ID: systemd.exec(5). Others are what their user may be. */
function whyConfined({ INVOCATION_ID: service }: Environment): string | undefined {
  if (service === undefined) return undefined;
  if (!isCapable(CAP_SYS_ADMIN)) return 'the service may mount nothing (CAP_SYS_ADMIN)';
  if (hasOwnMounts()) return 'what they mount is hidden from the host, as the service has mounts of its own';
  return undefined;
}

function isCapable(capability: bigint): boolean {
  const [, effective = '0'] =
    /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}

/** Whether the host's first process has another mount namespace, where that may be read. */
function hasOwnMounts(): boolean {
  try {
    return readlinkSync('/proc/self/ns/mnt') !== readlinkSync('/proc/1/ns/mnt');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
