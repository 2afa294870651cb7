import { WireFault } from './fault.ts';

/** A fault with the HTTP status that answers it. */
export class HttpFault extends WireFault {
  readonly status: number;

  constructor(status: number, reason: string, kind: WireFault['kind'] = 'malformed') {
    super(kind, reason);
    this.status = status;
  }
}

/** What came, in a length that a log line bears. */
export const quoted = (text: string): string => JSON.stringify(text.slice(0, 60));
