import { redactText } from '../redact.ts';
import type { TraceEvent } from '../switch/protocol.ts';
import type { TraceFact } from './page/facts.ts';

/** An event of the trace as the page gets it, without secrets. */
export function traceFact({ number, time, queue, input, output, what }: TraceEvent): TraceFact {
  const event = { n: number, time, queue, id: what.id.id, input, output };
  if (what.type === 'ack') return { ...event, kind: 'ack' };
  const payload = redactText(what.payload.toString());
  return what.kind.type === 'request'
    ? { ...event, kind: 'request', replyTo: what.kind.replyTo, payload }
    : { ...event, kind: 'response', to: what.kind.to, payload };
}
