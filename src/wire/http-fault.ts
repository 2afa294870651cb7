import { WireFault } from './fault.ts';

/** A fault with the HTTP status that answers it. */
export class HttpFault extends WireFault {
  readonly status: number;

  constructor(status: number, reason: string, kind: WireFault['kind'] = 'malformed') {
    super(kind, reason);
    this.status = status;
  }
}

const REQUEST_TIMEOUT = 408;

/** The status that answers a fault: one that HTTP does not know of is a request that was not whole in time. */
export const statusOf = (fault: WireFault): number =>
  fault instanceof HttpFault ? fault.status : REQUEST_TIMEOUT;

/** What came, in a length that a log line bears. */
export const quoted = (text: string): string => JSON.stringify(text.slice(0, 60));
