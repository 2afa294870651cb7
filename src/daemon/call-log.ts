import type { Logger } from '../log.ts';
import type { Reporter } from '../reporter.ts';
import type { ServiceObserver } from '../rpc/service.ts';
import type { Value } from '../wire/value.ts';

/** A debug line for each call that was answered, with the disk or the SR that it was about; an error for each fault of ours. */
export const callLog = (logger: Logger, report: Reporter): ServiceObserver => ({
  wanted: () => logger.isLevelEnabled('debug'),
  answered: (record, { sr, vdi }) =>
    logger.debug({ ...record, sr: shortText(sr), vdi: shortText(vdi) }, 'call'),
  threw: (method, error) => report('error', `${method} threw`, { method, err: error }, `${method} failed`),
});

/** A caller may have sent anything under these names. */
const LONGEST_NAME = 128;

const shortText = (value: Value | undefined): string | undefined =>
  typeof value === 'string' ? value.slice(0, LONGEST_NAME) : undefined;
