import type { Logger } from '../log.ts';
import type { Datapath } from '../storage/datapath-state.ts';
import type { VdiUse } from '../storage/disks.ts';
import { type Selected, schemeOf } from '../storage/selector.ts';
import type { SrPublisher } from '../xenstore/publisher.ts';
import type { Patience, SrView } from '../xenstore/view.ts';

/**
 * Settles when the store has what is published, and the view shows it. The store may be away: the SR is attached all the same,
 * and is published when the store is back.
 */
export const tolerant = (
  publisher: SrPublisher,
  view: Pick<SrView, 'caughtUp'>,
  patience: Patience,
  logger: Logger,
): Pick<SrPublisher, 'publish' | 'remove'> => {
  const warn = (error: Error): void =>
    logger.warn({ reason: error.message }, 'xenstore does not show yet what is attached');
  const caughtUp = (): Promise<void> => view.caughtUp(patience);
  return {
    publish: (sr) => publisher.publish(sr).then(caughtUp, warn),
    remove: (uuid) => publisher.remove(uuid).then(caughtUp, warn),
  };
};

/** Why a disk goes the way it does. URIs may hold secrets: of them only the scheme is told. */
export function logChoice(logger: Logger, { sr, vdi, vm }: VdiUse, { selection, verdicts }: Selected): void {
  const disk = sr === '' ? { vm } : { sr, vdi, vm };
  const candidates = verdicts.map(
    ({ uri, outcome, reason }) => `${schemeOf(uri) ?? 'no scheme'}: ${outcome}: ${reason}`,
  );
  const fields = { ...disk, candidates };
  if (selection === undefined) logger.warn(fields, 'no datapath can be chosen for a disk');
  else
    logger.info({ ...fields, plugin: selection.plugin, reason: selection.reason }, 'a datapath was chosen');
}

/** Names what an end of the daemon has left half done: the next call for each, or a repair, does it again. */
export function sayHalfDone(logger: Logger, datapaths: Iterable<Datapath>): void {
  for (const { sr, vdi, domain, underWay } of datapaths) {
    if (underWay === null) continue;
    const disk = sr === '' ? { domain } : { sr, vdi, domain };
    logger.warn({ ...disk, step: underWay.step }, 'a step of a datapath was begun, and nobody saw its end');
  }
}
