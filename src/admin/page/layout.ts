import { type Call, type CallState, callerOf, serverOf, stateOf, tookOf } from './calls.ts';

/** Where everything of a sequence diagram stands: numbers alone, so that it can be drawn anywhere. */

export interface Lane {
  readonly key: string;
  readonly kind: 'session' | 'queue';
  readonly name: string;
  /** Who works there now. */
  readonly by: string | undefined;
  readonly x: number;
}

export interface Arrow {
  readonly key: string;
  readonly call: string;
  readonly kind: 'request' | 'answer';
  readonly state: CallState;
  readonly from: number;
  readonly to: number;
  readonly y: number;
  readonly label: string;
  /** The number of its event. */
  readonly n: number;
}

/** A time on a lane: a message waits in the queue, it is worked on, or the answer waits for its caller. */
export interface Bar {
  readonly key: string;
  readonly call: string;
  readonly kind: 'waits' | 'works' | 'answer waits';
  readonly state: CallState;
  readonly x: number;
  readonly from: number;
  readonly to: number;
  /** It has no end yet. */
  readonly isOpen: boolean;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly laneWidth: number;
  readonly lanes: readonly Lane[];
  readonly arrows: readonly Arrow[];
  readonly bars: readonly Bar[];
  /** Calls that are drawn. */
  readonly drawn: readonly Call[];
  /** Calls between them that are not, for want of room for their lanes. */
  readonly leftOut: number;
}

export interface LayoutOptions {
  readonly width: number;
  readonly now: number;
  readonly took: (ms: number) => string;
}

export const HEAD = 54;
const FOOT = 22;
const EDGE = 10;
/** Narrower, names say nothing any more. */
const NARROWEST_LANE = 88;
/** Where there is little room at all. */
const NARROWEST_ON_PHONE = 76;
const PHONE_WIDTH = 480;
const WIDEST_LANE = 260;
/** What happens with an arrow takes a whole row, which has room for its label; what is on one lane alone takes less. */
const ROW = 22;
const SHORT_ROW = 11;
/** Calls that are drawn at most. */
const MOST_CALLS = 8;
/** Calls that are passed by at most, for want of room for their lanes: what is drawn is to be of one time. */
const MOST_PASSED = 10;
/** Calls at the same time on one lane stand beside each other. */
const SLOT = 8;
const MOST_SLOTS = 5;

type Kind = 'sent' | 'fetched' | 'answered' | 'answer fetched';
const DRAWN: readonly Kind[] = ['sent', 'fetched', 'answered', 'answer fetched'];

interface Happening {
  readonly call: Call;
  readonly what: Kind;
  readonly n: number;
}

/** Lays out the newest calls that fit, in the order of what happened. */
export function layOut(calls: readonly Call[], { width, now, took }: LayoutOptions): Layout {
  const narrowest = width < PHONE_WIDTH ? NARROWEST_ON_PHONE : NARROWEST_LANE;
  const most = Math.max(2, Math.floor((width - 2 * EDGE) / narrowest));
  const { drawn, names, leftOut } = choose(calls, most);
  const laneWidth = Math.min(WIDEST_LANE, (width - 2 * EDGE) / Math.max(2, names.length));
  const left = (width - laneWidth * names.length) / 2;
  const lanes = names.map((name, index) => ({ ...name, x: Math.round(left + laneWidth * (index + 0.5)) }));
  const xOf = new Map(lanes.map(({ key, x }) => [key, x]));
  const happenings = drawn
    .flatMap((call) =>
      DRAWN.flatMap((what): Happening[] => {
        const moment = call.moments[what];
        return moment === undefined ? [] : [{ call, what, n: moment.n }];
      }),
    )
    .sort((one, other) => one.n - other.n);
  const places = new Map<string, number>();
  let y = HEAD;
  for (const { call, what } of happenings) {
    y += what === 'sent' || what === 'answered' ? ROW : SHORT_ROW;
    places.set(placeKey(call, what), y);
  }
  const end = y + FOOT;
  const at = (call: Call, what: Kind): number | undefined => places.get(placeKey(call, what));
  const slots = slotsOf(drawn, at, end);
  const arrows = drawn.flatMap((call) => arrowsOf(call, { xOf, at, slots, now, took }));
  const bars = drawn.flatMap((call) => barsOf(call, { xOf, at, slots, end }));
  return { width, height: end, laneWidth, lanes, arrows, bars, drawn, leftOut };
}

const placeKey = ({ key }: Call, what: Kind): string => `${what} ${key}`;

type LaneName = Omit<Lane, 'x'>;

const callerLane = (call: Call): string => `session ${callerOf(call) ?? '?'}`;
const queueLane = (call: Call): string => `queue ${call.queue}`;

interface Chosen {
  readonly drawn: readonly Call[];
  readonly names: readonly LaneName[];
  readonly leftOut: number;
}

/** The newest calls whose lanes fit beside each other, and these lanes: callers first. */
function choose(calls: readonly Call[], most: number): Chosen {
  const keys = new Set<string>();
  const chosen: Call[] = [];
  let passed = 0;
  let leftOut = 0;
  for (const call of calls.toReversed()) {
    if (chosen.length === MOST_CALLS || passed === MOST_PASSED) break;
    const fresh = [callerLane(call), queueLane(call)].filter((key) => !keys.has(key));
    if (keys.size + fresh.length > most) {
      passed += 1;
      continue;
    }
    for (const key of fresh) keys.add(key);
    chosen.push(call);
    leftOut = passed;
  }
  const drawn = chosen.reverse();
  const callers = new Map<string, LaneName>();
  const queues = new Map<string, LaneName>();
  for (const call of drawn) {
    const key = callerLane(call);
    callers.set(key, { key, kind: 'session', name: callerOf(call) ?? 'somebody', by: undefined });
    const lane = queueLane(call);
    const by = serverOf(call) ?? queues.get(lane)?.by;
    queues.set(lane, { key: lane, kind: 'queue', name: call.queue, by });
  }
  return { drawn, names: [...byName(callers), ...byName(queues)], leftOut };
}

/** So that lanes stay where they are while calls come and go. */
const byName = (lanes: ReadonlyMap<string, LaneName>): LaneName[] =>
  [...lanes.values()].sort((one, other) => (one.name < other.name ? -1 : 1));

/** Which place beside the lane's line each call has, so that those at the same time don't cover each other. */
function slotsOf(
  calls: readonly Call[],
  at: (call: Call, what: Kind) => number | undefined,
  end: number,
): ReadonlyMap<string, number> {
  const slots = new Map<string, number>();
  const busy = new Map<string, number[]>();
  for (const call of calls) {
    const begin = DRAWN.map((what) => at(call, what)).find((y) => y !== undefined) ?? HEAD;
    const until = at(call, 'answered') ?? at(call, 'answer fetched') ?? end;
    const ends = busy.get(call.queue) ?? [];
    busy.set(call.queue, ends);
    const free = ends.findIndex((each) => each <= begin);
    const slot = free < 0 ? ends.length : free;
    ends[slot] = until;
    slots.set(call.key, (slot % MOST_SLOTS) * SLOT);
  }
  return slots;
}

interface Placed {
  readonly xOf: ReadonlyMap<string, number>;
  readonly at: (call: Call, what: Kind) => number | undefined;
  readonly slots: ReadonlyMap<string, number>;
}

function arrowsOf(
  call: Call,
  { xOf, at, slots, now, took }: Placed & { readonly now: number; readonly took: (ms: number) => string },
): Arrow[] {
  const caller = xOf.get(callerLane(call)) ?? 0;
  const queue = (xOf.get(queueLane(call)) ?? 0) + (slots.get(call.key) ?? 0);
  const [sent, answered] = [at(call, 'sent'), at(call, 'answered')];
  const own = { call: call.key, state: stateOf(call) };
  const time = tookOf(call, now);
  const words = [OUTCOMES[call.outcome ?? 'none'], time === undefined ? undefined : took(time)];
  return [
    ...(sent === undefined
      ? []
      : [
          {
            ...{ ...own, key: `> ${call.key}`, kind: 'request' as const, from: caller, to: queue, y: sent },
            ...{ label: call.method ?? 'a message', n: call.moments.sent?.n ?? 0 },
          },
        ]),
    ...(answered === undefined
      ? []
      : [
          {
            ...{
              ...own,
              key: `< ${call.key}`,
              kind: 'answer' as const,
              from: queue,
              to: caller,
              y: answered,
            },
            ...{
              label: words.filter((word) => word !== undefined).join(' · '),
              n: call.moments.answered?.n ?? 0,
            },
          },
        ]),
  ];
}

const OUTCOMES = { ok: 'OK', failed: 'FAILURE', none: 'answer' } as const;

function barsOf(call: Call, { xOf, at, slots, end }: Placed & { readonly end: number }): Bar[] {
  const caller = xOf.get(callerLane(call)) ?? 0;
  const x = (xOf.get(queueLane(call)) ?? 0) + (slots.get(call.key) ?? 0);
  const [sent, fetched, answered, taken] = DRAWN.map((what) => at(call, what));
  const own = { call: call.key, state: stateOf(call) };
  const bar = (kind: Bar['kind'], place: number, from: number | undefined, to: number | undefined): Bar[] =>
    from === undefined
      ? []
      : [
          {
            ...own,
            key: `${kind} ${call.key}`,
            kind,
            x: place,
            from,
            to: to ?? end,
            isOpen: to === undefined,
          },
        ];
  return [
    ...bar('waits', x, sent, fetched ?? answered),
    ...bar('works', x, fetched, answered),
    ...bar('answer waits', caller, answered, taken),
  ];
}
