import type { MessageId, TraceEvent } from './answers.ts';

/** Something that happened to a call. */
export interface Step {
  readonly what: 'sent' | 'fetched' | 'acked' | 'answered' | 'answer fetched' | 'answer acked';
  readonly by: string | undefined;
  readonly id: MessageId;
  /** ms since the epoch. */
  readonly time: number;
}

export interface Wait {
  readonly what: 'inQueue' | 'answering' | 'answerInQueue' | 'total';
  readonly ms: number;
}

/** One call's way, as far as the events tell it. */
export interface CallTrace {
  /** The request. */
  readonly id: MessageId;
  readonly payload: Buffer | undefined;
  readonly steps: readonly Step[];
  readonly waits: readonly Wait[];
  /** Its sending is among the events. */
  readonly complete: boolean;
}

/** Picks the events of a call, which is named by its request or by the answer to it; `undefined`: there are none. */
export function followCall(events: readonly TraceEvent[], id: MessageId): CallTrace | undefined {
  const request = answeredBy(events, id) ?? id;
  const answers = events.flatMap(({ what }) =>
    what.type === 'message' && what.kind.type === 'response' && isSame(what.kind.to, request)
      ? [what.id]
      : [],
  );
  const steps = events.flatMap((event) => stepOf(event, request, answers));
  if (steps.length === 0) return undefined;
  return {
    id: request,
    payload: events.flatMap(({ what }) =>
      what.type === 'message' && isSame(what.id, request) ? [what.payload] : [],
    )[0],
    steps,
    waits: waitsOf(steps),
    complete: steps.some(({ what }) => what === 'sent'),
  };
}

const isSame = (a: MessageId, b: MessageId): boolean => a.id === b.id && a.queue === b.queue;

function answeredBy(events: readonly TraceEvent[], id: MessageId): MessageId | undefined {
  for (const { what } of events) {
    if (what.type === 'message' && what.kind.type === 'response' && isSame(what.id, id)) return what.kind.to;
  }
  return undefined;
}

function stepOf(
  { what, input, output, time }: TraceEvent,
  request: MessageId,
  answers: readonly MessageId[],
): Step[] {
  const ofRequest = isSame(what.id, request);
  if (!ofRequest && !answers.some((answer) => isSame(answer, what.id))) return [];
  const { id } = what;
  if (what.type === 'ack') return [{ what: ofRequest ? 'acked' : 'answer acked', by: input, id, time }];
  // A sending names the sender, a delivery the receiver.
  return output === undefined
    ? [{ what: ofRequest ? 'sent' : 'answered', by: input, id, time }]
    : [{ what: ofRequest ? 'fetched' : 'answer fetched', by: output, id, time }];
}

function waitsOf(steps: readonly Step[]): Wait[] {
  const timeOf = (what: Step['what']): number | undefined => steps.find((step) => step.what === what)?.time;
  const [sent, fetched] = [timeOf('sent'), timeOf('fetched')];
  const [answered, answerFetched] = [timeOf('answered'), timeOf('answer fetched')];
  const wait = (what: Wait['what'], from: number | undefined, to: number | undefined): Wait[] =>
    from === undefined || to === undefined ? [] : [{ what, ms: Math.max(0, to - from) }];
  return [
    ...wait('inQueue', sent, fetched),
    ...wait('answering', fetched, answered),
    ...wait('answerInQueue', answered, answerFetched),
    ...wait('total', sent, answerFetched),
  ];
}
