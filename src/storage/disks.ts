import type { Static, TSchema } from 'typebox';
import type { Struct } from '../wire/value.ts';
import type { AnsweredBackend } from './backend-forms.ts';
import { DatapathInterface } from './datapath.ts';
import type { Directions, Subject } from './datapath-rules.ts';
import { type Choice, keyText } from './datapath-state.ts';
import type { DatapathDriver, Datapaths } from './datapaths.ts';
import { smapiv2Error } from './errors.ts';
import type { Opened } from './operations.ts';
import { type Script, scriptOf, unlessScriptError } from './scripts.ts';
import {
  type DatapathPlugins,
  type HostView,
  NONPERSISTENT,
  type Selected,
  schemeOf,
  select,
} from './selector.ts';
import type { Commit, StorageState } from './state.ts';
import type { Volume } from './types.ts';
import { KEYS } from './vdi-info.ts';

/** The use of a disk, as SMAPIv2 names it. */
export interface VdiUse {
  readonly dbg: string;
  readonly sr: string;
  readonly vdi: string;
  readonly vm: string;
}

/** The use of a disk under the name of a datapath. */
export interface HeldUse extends VdiUse {
  readonly dp: string;
  /** The domain as the datapath plugin is told it. */
  readonly domain: string;
}

/** A use as SMAPIv2 names it, with the domain that the plugin is told. */
export const heldBy = <Use extends VdiUse & { readonly dp: string }>(use: Use): Use & HeldUse => ({
  ...use,
  domain: domainOf(use.vm, use.dp),
});

/** What a choice needs to know of a volume. */
export type Found = Pick<Volume, 'key' | 'uri' | 'keys' | 'sharable'>;

/** The volumes of one SR, through its plugin's scripts. */
export interface Volumes {
  stat(key: string): Promise<Found>;
  /** A clone that is to stand for the volume. */
  clone(key: string): Promise<Pick<Volume, 'key'>>;
  destroy(key: string): Promise<void>;
  set(key: string, name: string, value: string): Promise<void>;
  unset(key: string, name: string): Promise<void>;
}

export interface DisksOptions {
  readonly state: StorageState;
  readonly commit: Commit;
  readonly datapaths: Datapaths;
  readonly driver: DatapathDriver;
  readonly view: HostView;
  readonly plugins: DatapathPlugins;
  readonly directions: (subject: Subject) => Directions;
  /** Told of each choice that is made. */
  readonly chosen: (use: VdiUse, selected: Selected) => void;
}

const OPEN = scriptOf(DatapathInterface, 'open');
const CLOSE = scriptOf(DatapathInterface, 'close');

/**
 * The domain that a datapath plugin is told: domain 0 may use a disk several times at once, so each of its datapaths is a
 * domain of its own there.
 */
export const domainOf = (vm: string, dp: string): string =>
  vm === '0' ? `u0-${dp}`.replace(/[/-]/g, '_') : vm;

/** Disks on their way to domains: what is chosen for each, once, and what then happens to it. */
export class Disks {
  readonly #options: DisksOptions;
  /** Disks of SRs that were taken over which are certainly not attached: they were let go of here. */
  readonly #letGo = new Set<string>();

  constructor(options: DisksOptions) {
    this.#options = options;
  }

  /** An epoch is a guest's life. A disk that is not to be kept is opened as such, or a clone stands for it. */
  async epochBegin(use: VdiUse, persistent: boolean, volumes: Volumes): Promise<void> {
    const before = this.#options.state.open(use);
    const volume = await volumes.stat(use.vdi);
    const choice = before?.choice ?? this.#choose(use, use.vm, volume, persistent);
    // What is open stays with what it was opened with, whatever its plugin has become.
    if (before !== undefined || this.#forgets(choice.plugin)) {
      await this.#open({ ...keyOf(use), choice, persistent }, before, use.dbg);
      return;
    }
    // One whose epoch was never ended, as its host has died.
    const old = volume.keys[KEYS.cloneOnBoot];
    if (old !== undefined) await destroyClone(volumes, old);
    if (persistent) {
      if (old !== undefined) await volumes.unset(use.vdi, KEYS.cloneOnBoot);
      return;
    }
    const clone = await volumes.clone(use.vdi);
    await orDestroyed(volumes, clone.key, () => volumes.set(use.vdi, KEYS.cloneOnBoot, clone.key));
  }

  async epochEnd(use: VdiUse, volumes: Volumes): Promise<void> {
    const over = this.#overWith(use);
    if (over.length > 0) {
      for (const opened of over) await this.#close(opened, use.dbg);
      return;
    }
    const volume = await volumes.stat(use.vdi);
    const clone = volume.keys[KEYS.cloneOnBoot];
    if (clone === undefined) return this.#closeUnknown(use, volume);
    await destroyClone(volumes, clone);
    await volumes.unset(use.vdi, KEYS.cloneOnBoot);
  }

  async attach(use: HeldUse, writes: boolean | undefined, volumes: Volumes): Promise<AnsweredBackend> {
    await this.#adopt(use, volumes, false);
    return this.#options.datapaths.attach(use, writes, () => this.#chooseVolume(use, use.domain, volumes));
  }

  async activate(use: HeldUse, by: 'activate' | 'activate_readonly', volumes: Volumes): Promise<void> {
    await this.#adopt(use, volumes, true);
    await this.#options.datapaths.activate(use, by);
  }

  async deactivate(use: HeldUse, volumes: Volumes): Promise<void> {
    await this.#adopt(use, volumes, true).catch(unlessGone);
    await this.#options.datapaths.deactivate(use);
  }

  async detach(use: HeldUse, volumes: Volumes): Promise<void> {
    await this.#adopt(use, volumes, true).catch(unlessGone);
    await this.#options.datapaths.detach(use);
    if (this.#isTakenOver(use.sr) && this.#options.state.datapath(use) === undefined) this.#noteLetGo(use);
  }

  /** What was chosen for the use, or would be now. */
  async choiceFor(use: VdiUse, domain: string, volumes: Volumes): Promise<Choice> {
    const datapath = this.#options.state.datapath({ ...use, domain });
    return datapath?.choice ?? this.#chooseVolume(use, domain, volumes);
  }

  /** The disks of an SR that the daemon before this one attached are known by what is done to them. */
  async #adopt(use: HeldUse, volumes: Volumes, isHeld: boolean): Promise<void> {
    const { state, datapaths } = this.#options;
    if (!this.#isTakenOver(use.sr) || state.datapath(use) !== undefined || this.#letGo.has(keyText(use)))
      return;
    await datapaths.adopt(use, await this.#chooseVolume(use, use.domain, volumes), isHeld);
  }

  #isTakenOver(sr: string): boolean {
    return this.#options.state.srs.get(sr)?.takenOver === true;
  }

  /** The longest known goes first: it would only be let go of once more. */
  #noteLetGo(use: HeldUse): void {
    const [oldest] = this.#letGo;
    if (oldest !== undefined && this.#letGo.size >= MAX_LET_GO) this.#letGo.delete(oldest);
    this.#letGo.add(keyText(use));
  }

  async #chooseVolume(use: VdiUse, domain: string, volumes: Volumes): Promise<Choice> {
    const opened = this.#options.state.open(use);
    if (opened !== undefined) return opened.choice;
    const volume = await volumes.stat(use.vdi);
    const clone = volume.keys[KEYS.cloneOnBoot];
    return this.#choose(use, domain, clone === undefined ? volume : await volumes.stat(clone), true);
  }

  #choose(use: VdiUse, domain: string, volume: Found, persistent: boolean): Choice {
    const { view, plugins, directions, chosen } = this.#options;
    const request = { uris: volume.uri, sr: use.sr, domain, persistent };
    const selected = select(request, view, plugins, directions);
    chosen(use, selected);
    const { selection } = selected;
    if (selection === undefined) throw missingUri(selected);
    const { driverDomain, reason, ...rest } = selection;
    return {
      ...rest,
      volume: volume.key,
      sharable: volume.sharable,
      domid: driverDomain.domid,
      domainUuid: driverDomain.uuid ?? null,
      reason,
    };
  }

  async #open(opened: Opened, before: Opened | undefined, dbg: string): Promise<void> {
    const { commit, driver } = this.#options;
    const { choice, persistent } = opened;
    await commit([{ type: 'opened', opened }]);
    const driven = await driver.run(choice, OPEN, { dbg, uri: choice.uri, persistent });
    if (driven.type === 'answer') return;
    if (before === undefined && driven.isUndone) await commit([{ type: 'closed', key: keyOf(opened) }]);
    throw driven.error;
  }

  /**
   * What an end of an epoch is for. xapi ends it when the domain is gone, and names none then; after a migration the domain
   * has another number than at its begin. So what no domain of its number has attached is over.
   */
  #overWith(use: VdiUse): readonly Opened[] {
    const { state } = this.#options;
    const own = state.open(use);
    if (own !== undefined) return [own];
    return [...state.opened].filter((each) => isOfDisk(each, use) && !this.#isAttached(each));
  }

  /** Closes a disk, unless another domain that has it open goes on with it: then that one's end does. */
  async #close(opened: Opened, dbg: string): Promise<void> {
    const { state, commit, driver } = this.#options;
    const { choice } = opened;
    const goesOn = [...state.opened].some(
      (other) =>
        isOfDisk(other, opened) &&
        other.vm !== opened.vm &&
        other.choice.uri === choice.uri &&
        this.#isAttached(other),
    );
    if (!goesOn) await answered(driver, choice, CLOSE, { dbg, uri: choice.uri });
    await commit([{ type: 'closed', key: keyOf(opened) }]);
  }

  /**
   * On an SR that was taken over nothing tells what the daemon before this one has opened. It closed each disk at the end of
   * an epoch, where the plugin can forget, and so does this one.
   */
  async #closeUnknown(use: VdiUse, volume: Found): Promise<void> {
    const { state, driver } = this.#options;
    if (!this.#isTakenOver(use.sr)) return;
    for (const datapath of state.datapaths) if (isOfDisk(datapath, use)) return;
    const choice = this.#choose(use, use.vm, volume, true);
    if (!this.#forgets(choice.plugin)) return;
    await answered(driver, choice, CLOSE, { dbg: use.dbg, uri: choice.uri });
  }

  #isAttached({ sr, vdi, vm }: Opened): boolean {
    return this.#options.state.datapath({ sr, vdi, domain: vm }) !== undefined;
  }

  #forgets(plugin: string): boolean {
    return this.#options.plugins.features(plugin)?.has(NONPERSISTENT) === true;
  }
}

const MAX_LET_GO = 10_000;

/** A volume that is not there any more is attached nowhere, and need not be destroyed. */
const unlessGone = unlessScriptError('Volume_does_not_exist');

const isOfDisk = (one: Pick<VdiUse, 'sr' | 'vdi'>, other: Pick<VdiUse, 'sr' | 'vdi'>): boolean =>
  one.sr === other.sr && one.vdi === other.vdi;

const keyOf = ({ sr, vdi, vm }: Pick<VdiUse, 'sr' | 'vdi' | 'vm'>) => ({ sr, vdi, vm });

/** Does what makes a new volume known. When that fails the volume goes again: nobody would ever ask for it. */
export async function orDestroyed(
  volumes: Volumes,
  volume: string,
  makeKnown: () => Promise<void>,
): Promise<void> {
  try {
    await makeKnown();
  } catch (error) {
    // What failed first is what the caller is told; that a script failed is logged anyway.
    await volumes.destroy(volume).catch(() => {});
    throw error;
  }
}

/** Destroys the clone that stood for a disk. One that is gone is destroyed: somebody was killed before he could say so. */
export async function destroyClone(volumes: Pick<Volumes, 'destroy'>, clone: string): Promise<void> {
  await volumes.destroy(clone).catch(unlessGone);
}

/** Runs a datapath script and gives what it answers, or throws. */
export async function answered<Result extends TSchema>(
  driver: DatapathDriver,
  choice: Choice,
  script: Script<Result>,
  params: Struct,
): Promise<Static<Result>> {
  const driven = await driver.run(choice, script, params);
  if (driven.type === 'failed') throw driven.error;
  return driven.value;
}

/** xapi knows the name of the error; the text tells of each candidate why not, and may not show what a URI holds. */
function missingUri({ verdicts }: Selected): Error {
  const why = verdicts.map(
    ({ uri, reason }, index) => `${index + 1} (${schemeOf(uri) ?? 'no scheme'}): ${reason}`,
  );
  const text = why.length === 0 ? 'the volume has no URI' : `none of its URIs can be used: ${why.join('; ')}`;
  return smapiv2Error('Backend_error', ['MISSING_URI', [text]], text);
}
