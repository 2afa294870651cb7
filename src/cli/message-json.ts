import type { Entry, Kind, MessageId, TraceEvent } from './answers.ts';
import { payloadText } from './text.ts';

/** Messages and events as every command's JSON has them. */

const kindJson = (kind: Kind): object =>
  kind.type === 'request'
    ? { kind: kind.type, replyTo: kind.replyTo }
    : { kind: kind.type, answers: kind.to };

export const entryJson = ({ id, kind, origin, age, bytes, payload }: Entry): object => ({
  ...id,
  ...kindJson(kind),
  sender: origin,
  ageSeconds: age / 1e9,
  bytes,
  payload: payloadText(payload),
});

export const eventJson = ({
  number,
  time,
  queue,
  input,
  output,
  what,
  processingTime,
}: TraceEvent): object => ({
  number,
  time: time / 1000,
  queue,
  input,
  output,
  id: what.id,
  ...(what.type === 'ack' ? { kind: 'ack' } : { ...kindJson(what.kind), payload: payloadText(what.payload) }),
  processingSeconds: processingTime === undefined ? undefined : processingTime / 1e9,
});

/** `queue.id`, as `tail` and `trace` have it. */
export const idText = ({ queue, id }: MessageId): string => `${queue}.${id}`;
