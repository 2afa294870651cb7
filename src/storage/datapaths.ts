import { isDeepStrictEqual } from 'node:util';
import type { Static, TSchema } from 'typebox';
import type { Struct } from '../wire/value.ts';
import { type AnsweredBackend, readBackend } from './backend-forms.ts';
import { DatapathInterface } from './datapath.ts';
import {
  type Choice,
  type Datapath,
  type DatapathRequest,
  type Plan,
  plan,
  stateOf,
} from './datapath-state.ts';
import { smapiv2Error } from './errors.ts';
import { offered } from './offer.ts';
import type { StorageOperation } from './operations.ts';
import { type Script, scriptOf } from './scripts.ts';
import type { Commit, StorageState } from './state.ts';

/** The use of a disk by a domain, under the name of a datapath. */
export interface DiskUse {
  readonly sr: string;
  readonly vdi: string;
  readonly dp: string;
  /** The domain that asks, as the plugin is told it. */
  readonly domain: string;
  readonly dbg: string;
}

/** What of a choice tells where a script is run, and what a driver domain is told. */
export type DrivenChoice = Pick<Choice, 'plugin' | 'domid' | 'domainUuid' | 'sharable'> & {
  /** Of an attach, when nobody who asked for it writes. */
  readonly writes?: false;
};

/** Runs the scripts of a datapath plugin in the domain that serves the disk. */
export interface DatapathDriver {
  run<Result extends TSchema>(
    choice: DrivenChoice,
    script: Script<Result>,
    params: Struct,
  ): Promise<Driven<Result>>;
}

export type Driven<Result extends TSchema> =
  | { readonly type: 'answer'; readonly value: Static<Result> }
  /** `isUndone`: it is certain that the script has changed nothing. */
  | { readonly type: 'failed'; readonly error: Error; readonly isUndone: boolean };

export interface DatapathsOptions {
  readonly state: StorageState;
  readonly commit: Commit;
  readonly driver: DatapathDriver;
}

/** Plugins of older versions answer in a form of their own. */
export const ATTACH: Script<typeof AnsweredBackend> = {
  name: 'Datapath.attach',
  check: (value) => {
    const read = readBackend(value);
    if (read.type === 'invalid') return read;
    const named = read.domainUuid === undefined ? {} : { domain_uuid: read.domainUuid };
    return { type: 'valid', value: { ...read.backend, ...named } };
  },
};

const SCRIPTS = {
  activate: scriptOf(DatapathInterface, 'activate'),
  activate_readonly: scriptOf(DatapathInterface, 'activate_readonly'),
  deactivate: scriptOf(DatapathInterface, 'deactivate'),
  detach: scriptOf(DatapathInterface, 'detach'),
};

/**
 * Takes datapaths from state to state. A step is kept before its script is started, and what came of it before it is
 * answered: a daemon that was killed between finds it uncertain, and the next request runs it again. Requests of one disk
 * are to come one after the other.
 */
export class Datapaths {
  readonly #options: DatapathsOptions;

  constructor(options: DatapathsOptions) {
    this.#options = options;
  }

  /** Attaches; `choose` is asked once, when there is no datapath yet. `writes`: nothing when that is not told. */
  async attach(
    use: DiskUse,
    writes: boolean | undefined,
    choose: () => Promise<Choice>,
  ): Promise<AnsweredBackend> {
    const { sr, vdi, domain, dp } = use;
    const datapath: Datapath = this.#options.state.datapath(use) ?? {
      ...{ sr, vdi, domain },
      choice: await choose(),
      holders: [],
      underWay: null,
      phase: 'chosen',
    };
    const attached = await this.#carryOut(datapath, use, () => ({ type: 'attach', dp, writes }));
    if (attached === undefined || attached.phase === 'chosen' || attached.backend === null) {
      throw smapiv2Error('Internal_error', `${describe(use)}: attached, and yet there is no backend`);
    }
    return offered(attached.backend, attached.choice);
  }

  async activate(use: DiskUse, by: 'activate' | 'activate_readonly'): Promise<void> {
    const { state } = this.#options;
    const datapath = state.datapath(use);
    if (datapath === undefined) throw notAttached(use);
    await this.#carryOut(datapath, use, (now) => ({
      type: 'activate',
      dp: use.dp,
      by,
      writer: state.writer(now),
    }));
  }

  /** Puts it down, unless another holder uses it. What is not active is left as it is. */
  async deactivate(use: DiskUse): Promise<void> {
    const datapath = this.#options.state.datapath(use);
    if (datapath === undefined) return;
    await this.#carryOut(datapath, use, () => ({ type: 'deactivate', dp: use.dp }));
  }

  /** Lets go of it, deactivating it first. What is not attached is left as it is. */
  async detach(use: DiskUse): Promise<void> {
    const datapath = this.#options.state.datapath(use);
    if (datapath === undefined) return;
    await this.#carryOut(datapath, use, () => ({ type: 'detach', dp: use.dp }));
  }

  /**
   * Remembers a datapath of which only this is known: that it may be attached, and active. `isHeld`: who asks has had it
   * before, and may write; else it is asked for anew, as most are, and only to be put down before it is let go of.
   */
  async adopt(use: DiskUse, choice: Choice, isHeld = true): Promise<void> {
    const { sr, vdi, domain, dp } = use;
    const datapath: Datapath = {
      ...{ sr, vdi, domain, choice },
      holders: isHeld ? [{ dp, writes: true, isActive: true }] : [],
      underWay: { step: isHeld ? 'activate' : 'deactivate', writing: isHeld },
      phase: 'attached',
      backend: null,
    };
    // Nothing is lost with it: the SR is still one that was taken over.
    await this.#options.commit([{ type: 'datapath-lowered', datapath }]);
  }

  async #carryOut(
    datapath: Datapath,
    use: DiskUse,
    request: (now: Datapath) => DatapathRequest,
  ): Promise<Datapath | undefined> {
    let current = datapath;
    for (;;) {
      const asked = request(current);
      const change = CHANGES[asked.type];
      const next: Plan = plan(current, asked);
      switch (next.type) {
        case 'not-attached':
          throw notAttached(use);
        case 'written-elsewhere':
          throw writtenElsewhere(use, next.by);
        case 'done':
          await this.#keep(current, next.next, change);
          return next.next;
        case 'run': {
          const after = await this.#step(current, next, change, use);
          if (after === undefined) return undefined;
          current = after;
        }
      }
    }
  }

  async #step(
    current: Datapath,
    { step, before, after }: Plan & { type: 'run' },
    change: Change,
    { dbg }: DiskUse,
  ): Promise<Datapath | undefined> {
    const { driver } = this.#options;
    await this.#keep(current, before, change);
    const { uri } = current.choice;
    const params = { dbg, uri, domain: current.domain };
    const driven = await (step === 'attach'
      ? driver.run(forHolders(before), ATTACH, params)
      : driver.run(current.choice, SCRIPTS[step], params));
    if (driven.type === 'answer') {
      const next = after(driven.value);
      await this.#keep(before, next, change);
      return next;
    }
    const wasNothing = current.phase === 'chosen' && current.underWay === null;
    if (driven.isUndone) await this.#keep(before, wasNothing ? undefined : current, 'datapath-lowered');
    throw driven.error;
  }

  /** Keeps what a datapath has become, if it is another than is kept already. */
  async #keep(key: Datapath, next: Datapath | undefined, change: Change): Promise<void> {
    const { state, commit } = this.#options;
    const kept = state.datapath(key);
    if (isDeepStrictEqual(kept, next)) return;
    const { sr, vdi, domain } = key;
    const operation: StorageOperation =
      next === undefined
        ? { type: 'datapath-closed', key: { sr, vdi, domain } }
        : { type: change, datapath: next };
    await commit([operation]);
  }
}

const forHolders = ({ choice, holders }: Datapath): DrivenChoice =>
  holders.some(({ writes }) => writes) ? choice : { ...choice, writes: false };

type Change = 'datapath-changed' | 'datapath-lowered';

/**
 * On the way down nothing may stand in the way, not even a journal that is full: a disk that can't be let go of is worse
 * than one that is let go of twice.
 */
const CHANGES: Readonly<Record<DatapathRequest['type'], Change>> = {
  attach: 'datapath-changed',
  activate: 'datapath-changed',
  deactivate: 'datapath-lowered',
  detach: 'datapath-lowered',
};

const describe = ({ sr, vdi, dp }: DiskUse): string => `the disk ${vdi} of the SR ${sr} by ${dp}`;

const notAttached = (use: DiskUse): Error =>
  smapiv2Error('Internal_error', `${describe(use)} is not attached: attach it before it is activated`);

/** A disk that two domains write is a disk that is lost. */
function writtenElsewhere({ vdi }: DiskUse, writer: Datapath): Error {
  const holders = writer.holders.map(({ dp }) => dp).join(', ');
  const text = `${vdi} is ${stateOf(writer)} for writing by the domain ${writer.domain} (${holders})`;
  return smapiv2Error('Backend_error', ['VDI_IN_USE', [vdi, 'activate', text]], text);
}
