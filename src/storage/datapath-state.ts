import type { AnsweredBackend } from './backend-forms.ts';
import type { Caching, Implementation } from './datapath-rules.ts';

/**
 * The life of a datapath: closed, open, attached, activated, and back. Requests are made by `dp` names that hold it
 * together: the first attach and the last detach run the plugin's scripts, what is between them only changes who holds.
 * These functions decide and change nothing: the steps of a plan are carried out, and kept, by who asked for it.
 */

/** A script of the datapath plugin. */
export type Step = 'attach' | 'activate' | 'activate_readonly' | 'deactivate' | 'detach';
export type ActivateStep = 'activate' | 'activate_readonly';

// Types rather than interfaces: what is kept is JSON, and the compiler takes only these for it.

/** What was selected, once: it is used until the datapath is detached and closed, whatever else appears. */
export type Choice = {
  readonly plugin: string;
  readonly uri: string;
  /** The volume that the URI points to: the clone, where a clone stands for the disk. */
  readonly volume: string;
  /** Several domains may write it at the same time. */
  readonly sharable: boolean;
  readonly domid: number;
  readonly domainUuid: string | null;
  readonly implementations: readonly Implementation[];
  readonly forbidden: readonly Implementation[];
  readonly caching: Caching;
  /** A rule had a say in it: what the plugin offers is put in this order, and what is forbidden is left out. */
  readonly ruled: boolean;
  readonly reason: string;
};

/** Whose datapath it is. */
export type DatapathKey = {
  readonly sr: string;
  readonly vdi: string;
  /** The domain that asks, as the plugin is told it. */
  readonly domain: string;
};

/** The key as one text: JSON, as each of its parts may hold any character. */
export const keyText = ({ sr, vdi, domain }: DatapathKey): string => JSON.stringify([sr, vdi, domain]);

/** A `dp` name that holds a datapath. */
export type Holder = {
  readonly dp: string;
  /** It was attached for writing. */
  readonly writes: boolean;
  /** It was activated, or may have been. */
  readonly isActive: boolean;
};

/** How far it is, as far as that is certain. */
type Phase =
  | { readonly phase: 'chosen' }
  /** The backend is nothing when the daemon before this one has attached it: what was answered then is not known. */
  | { readonly phase: 'attached'; readonly backend: AnsweredBackend | null }
  | {
      readonly phase: 'activated';
      readonly backend: AnsweredBackend | null;
      /** The script that activated it. */
      readonly by: ActivateStep;
      /** A holder writes. */
      readonly writing: boolean;
    };

/** A step that was begun: until it has ended well, nobody knows what it has done. */
export type UnderWay = {
  readonly step: Step;
  /** It may let a domain write. */
  readonly writing: boolean;
};

export type Datapath = DatapathKey & {
  readonly choice: Choice;
  readonly holders: readonly Holder[];
  readonly underWay: UnderWay | null;
} & Phase;

export type StateName = 'open' | 'attached' | 'activated' | 'uncertain';

/** The name of its state, for people. */
export function stateOf(datapath: Datapath): StateName {
  if (datapath.underWay !== null) return 'uncertain';
  return datapath.phase === 'chosen' ? 'open' : datapath.phase;
}

/** Whether a domain writes through it, or might. */
export const mayWrite = (datapath: Datapath): boolean =>
  (datapath.phase === 'activated' && datapath.writing) || datapath.underWay?.writing === true;

export type DatapathRequest =
  /** `writes`: nothing leaves it as it is; who does not say so writes. */
  | { readonly type: 'attach'; readonly dp: string; readonly writes: boolean | undefined }
  | {
      readonly type: 'activate';
      readonly dp: string;
      readonly by: ActivateStep;
      /** Another domain's datapath to the same volume that may write. */
      readonly writer: Datapath | undefined;
    }
  | { readonly type: 'deactivate'; readonly dp: string }
  | { readonly type: 'detach'; readonly dp: string };

/** What a request comes to next. */
export type Plan =
  /** Nothing is to be run any more: this is what it is now; nothing: it is closed. */
  | { readonly type: 'done'; readonly next: Datapath | undefined }
  /** A script is to be run, and then the plan made again. */
  | {
      readonly type: 'run';
      readonly step: Step;
      /** To be kept before the script is started. */
      readonly before: Datapath;
      /** What it is when the script has answered: attach with a backend, the others with nothing. */
      readonly after: (answer: AnsweredBackend | null) => Datapath | undefined;
    }
  | { readonly type: 'not-attached' }
  | { readonly type: 'written-elsewhere'; readonly by: Datapath };

export function plan(datapath: Datapath, request: DatapathRequest): Plan {
  switch (request.type) {
    case 'attach':
      return planAttach(datapath, request.dp, request.writes);
    case 'activate':
      return planActivate(datapath, request.dp, request.by, request.writer);
    case 'deactivate':
      return planDeactivate(datapath, request.dp);
    case 'detach':
      return planDetach(datapath, request.dp);
  }
}

function planAttach(datapath: Datapath, dp: string, writes: boolean | undefined): Plan {
  const holder = holderOf(datapath, dp);
  // Who was let write may write until it is put down.
  const mayGoOn = holder.isActive && holder.writes;
  const holders = [
    ...without(datapath.holders, dp),
    { ...holder, writes: mayGoOn || (writes ?? holder.writes) },
  ];
  const held: Datapath = { ...datapath, holders };
  if (datapath.phase !== 'chosen' && isAttached(datapath)) {
    if (datapath.backend !== null) return done(held);
    // The script tells its backend again, and changes nothing.
    return {
      type: 'run',
      step: 'attach',
      before: held,
      after: (backend) => ({ ...datapath, holders, backend }),
    };
  }
  const rest = withoutPhase(held);
  return {
    type: 'run',
    step: 'attach',
    before: { ...rest, phase: 'chosen', underWay: { step: 'attach', writing: false } },
    after: (backend) => ({ ...rest, phase: 'attached', backend, underWay: null }),
  };
}

function planActivate(datapath: Datapath, dp: string, by: ActivateStep, writer: Datapath | undefined): Plan {
  const holder = datapath.holders.find((each) => each.dp === dp);
  if (holder === undefined || datapath.phase === 'chosen' || !isAttached(datapath))
    return { type: 'not-attached' };
  const writing = by === 'activate' && holder.writes;
  if (writing && writer !== undefined && !datapath.choice.sharable)
    return { type: 'written-elsewhere', by: writer };
  const { backend } = datapath;
  const holders = [...without(datapath.holders, dp), { ...holder, isActive: true }];
  // What a step under way has left of it is not known.
  const before = datapath.phase === 'activated' && datapath.underWay === null ? datapath : undefined;
  const activated = {
    phase: 'activated',
    backend,
    by: before?.by === 'activate' ? 'activate' : by,
    writing: writing || mayWrite(datapath),
  } as const;
  const rest = withoutPhase(datapath);
  const isEnough = before !== undefined && (before.by === 'activate' || by === 'activate_readonly');
  if (isEnough) return done({ ...rest, holders, ...activated, underWay: null });
  return {
    type: 'run',
    step: by,
    before: { ...datapath, holders, underWay: { step: by, writing: activated.writing } },
    after: () => ({ ...rest, holders, ...activated, underWay: null }),
  };
}

function planDeactivate(datapath: Datapath, dp: string): Plan {
  const holders = datapath.holders.map((holder) =>
    holder.dp === dp ? { ...holder, isActive: false } : holder,
  );
  const active = holders.filter(({ isActive }) => isActive);
  const next = withWriters({ ...datapath, holders });
  if (datapath.phase === 'chosen' || !isAttached(datapath)) return done(next);
  const isDown = datapath.phase === 'attached' && datapath.underWay === null;
  // Who does not hold it can't put it down for others.
  const isHolder = holders.length === 0 || holders.some((holder) => holder.dp === dp);
  if (isDown || active.length > 0 || !isHolder) return done(next);
  const { backend } = datapath;
  return {
    type: 'run',
    step: 'deactivate',
    before: { ...datapath, underWay: { step: 'deactivate', writing: mayWrite(datapath) } },
    after: () => ({ ...withoutPhase(datapath), holders, phase: 'attached', backend, underWay: null }),
  };
}

function planDetach(datapath: Datapath, dp: string): Plan {
  const others = without(datapath.holders, dp);
  const down = planDeactivate(datapath, dp);
  if (down.type === 'run') return down;
  if (others.length > 0) return done(withWriters({ ...datapath, holders: others }));
  if (datapath.phase === 'chosen' && datapath.underWay === null) return done(undefined);
  return {
    type: 'run',
    step: 'detach',
    before: { ...datapath, underWay: { step: 'detach', writing: false } },
    after: () => undefined,
  };
}

const done = (next: Datapath | undefined): Plan => ({ type: 'done', next });

/** Whether it is certain that the attach script has run, and no detach since. */
const isAttached = ({ phase, underWay }: Datapath): boolean =>
  phase !== 'chosen' && underWay?.step !== 'detach';

const without = (holders: readonly Holder[], dp: string): Holder[] =>
  holders.filter((holder) => holder.dp !== dp);

const holderOf = ({ holders }: Datapath, dp: string): Holder =>
  holders.find((holder) => holder.dp === dp) ?? { dp, writes: true, isActive: false };

const withoutPhase = ({ sr, vdi, domain, choice, holders }: Datapath) => ({
  sr,
  vdi,
  domain,
  choice,
  holders,
});

/** Who writes is what the holders that are left do. */
function withWriters(datapath: Datapath): Datapath {
  if (datapath.phase !== 'activated') return datapath;
  const writing = datapath.holders.some(({ isActive, writes }) => isActive && writes);
  return { ...datapath, writing: datapath.writing && writing };
}
