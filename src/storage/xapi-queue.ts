/** The prefix of the queues on which xapi asks for SRs; what follows is the type of the SRs. */
export const XAPI_QUEUE_PREFIX = 'org.xen.xapi.storage.';

/** The type of the SRs of a volume plugin, by its queue; nothing when xapi does not look for SRs there. */
export const srTypeOf = (queue: string): string | undefined =>
  queue.startsWith(XAPI_QUEUE_PREFIX) ? queue.slice(XAPI_QUEUE_PREFIX.length) : undefined;
