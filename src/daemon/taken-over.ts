import type { Logger } from '../log.ts';
import type { DurableStorage } from '../storage/durable.ts';
import type { AttachedSr } from '../storage/operations.ts';
import { takeOver, UNKNOWN_QUEUE } from '../storage/takeover.ts';
import type { PublishedSr } from '../xenstore/published-sr.ts';
import { isUuid } from '../xenstore/sr-table.ts';

/**
 * Reads what the daemon before this one has attached, and tells of it. Gives the SRs that it has detached. What goes wrong
 * keeps nobody from starting: the next start tries it again.
 */
export async function takeOverSrs(
  { state, commit }: DurableStorage,
  path: string,
  logger: Logger,
): Promise<readonly AttachedSr[]> {
  const outcome = await takeOver({ state, commit, path }).catch((error: Error) => {
    return { type: 'unreadable', reason: error.message } as const;
  });
  switch (outcome.type) {
    case 'nothing':
      return [];
    case 'unreadable': {
      const { reason } = outcome;
      logger.warn({ path, reason }, 'what xapi-storage-script has attached can not be taken over');
      return [];
    }
    case 'taken-over': {
      const { attached, detached, forgotten } = outcome;
      const fields = { path, attached, detached: detached.map(({ sr }) => sr), forgotten };
      logger.info(fields, 'the SRs of xapi-storage-script are taken over');
      return detached;
    }
  }
}

/** Those that xenstore can show: with a uuid, and a queue that is known. The others are published when it is. */
export const publishable = (srs: Iterable<AttachedSr>): PublishedSr[] =>
  [...srs]
    .filter(({ sr, queue }) => isUuid(sr) && queue !== UNKNOWN_QUEUE)
    .map(({ sr, queue }) => ({ uuid: sr, plugin: queue }));
