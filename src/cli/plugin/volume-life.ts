import { randomUUID } from 'node:crypto';
import { scriptOf } from '../../storage/scripts.ts';
import { SrInterface } from '../../storage/sr.ts';
import type { Volume } from '../../storage/types.ts';
import { VolumeInterface } from '../../storage/volume.ts';
import { Broken, type Trial } from './trial.ts';

/** The whole life of an SR and of a volume in it. */

const SR = {
  probe: scriptOf(SrInterface, 'probe'),
  create: scriptOf(SrInterface, 'create'),
  attach: scriptOf(SrInterface, 'attach'),
  detach: scriptOf(SrInterface, 'detach'),
  destroy: scriptOf(SrInterface, 'destroy'),
  stat: scriptOf(SrInterface, 'stat'),
  ls: scriptOf(SrInterface, 'ls'),
  setName: scriptOf(SrInterface, 'set_name'),
  setDescription: scriptOf(SrInterface, 'set_description'),
};

const VOLUME = {
  create: scriptOf(VolumeInterface, 'create'),
  stat: scriptOf(VolumeInterface, 'stat'),
  set: scriptOf(VolumeInterface, 'set'),
  unset: scriptOf(VolumeInterface, 'unset'),
  setName: scriptOf(VolumeInterface, 'set_name'),
  setDescription: scriptOf(VolumeInterface, 'set_description'),
  resize: scriptOf(VolumeInterface, 'resize'),
  snapshot: scriptOf(VolumeInterface, 'snapshot'),
  clone: scriptOf(VolumeInterface, 'clone'),
  destroy: scriptOf(VolumeInterface, 'destroy'),
};

const NAME = 'datapathctl plugin test';
const DESCRIPTION = 'made by datapathctl plugin test, and removed by it';
const MIB = 1024 * 1024;
const SIZE = 8 * MIB;
const LARGER = 12 * MIB;

type Configuration = Readonly<Record<string, string>>;

/** Leads that life. What was made in it is removed, whatever comes. */
export async function leadVolumeLife(trial: Trial, configuration: Configuration): Promise<void> {
  const created = trial.has(SR.create.name);
  // The SR is made only where the plugin can make one: else it is there already.
  const made = await trial.may(SR.create, {
    ...{ uuid: randomUUID(), configuration, name: NAME, description: DESCRIPTION },
  });
  if (created && made === undefined) return;
  const attached = made ?? configuration;
  await trial.may(SR.probe, { configuration: attached });
  const life = new SrLife(trial, attached);
  try {
    await life.lead(created);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
  } finally {
    await life.end(created);
  }
}

class SrLife {
  readonly #trial: Trial;
  readonly #configuration: Configuration;
  /** What the plugin calls the SR while it is attached. */
  #sr: string | undefined;
  /** The keys of the volumes that are there by us. */
  readonly #volumes = new Set<string>();

  constructor(trial: Trial, configuration: Configuration) {
    this.#trial = trial;
    this.#configuration = configuration;
  }

  async lead(isNew: boolean): Promise<void> {
    const trial = this.#trial;
    const sr = await this.#attach();
    await trial.must(SR.stat, { sr }, (stat) => different('sr', sr, stat.sr));
    await trial.must(SR.ls, { sr }, (volumes) =>
      isNew && volumes.length > 0 ? `a new SR has no volumes, this has ${volumes.length}` : undefined,
    );
    await trial.may(SR.setName, { sr, new_name: NAME });
    await trial.may(SR.setDescription, { sr, new_description: DESCRIPTION });
    const volume = await this.#create(sr);
    if (volume === undefined) return;
    await this.#change(sr, volume.key);
    await this.#copies(sr, volume.key);
    await this.#reattach(sr, volume.key);
    await this.#destroy(this.#sr ?? sr, volume.key);
  }

  /** Removes what is left, and gives the SR up. */
  async end(isOurs: boolean): Promise<void> {
    const trial = this.#trial;
    const sr = this.#sr;
    if (sr === undefined) return;
    for (const key of [...this.#volumes].reverse()) await trial.may(VOLUME.destroy, { sr, key });
    if (isOurs && trial.has(SR.destroy.name)) await trial.may(SR.destroy, { sr });
    else await trial.may(SR.detach, { sr });
  }

  async #attach(): Promise<string> {
    const sr = await this.#trial.must(SR.attach, { configuration: this.#configuration });
    this.#sr = sr;
    return sr;
  }

  async #create(sr: string): Promise<Volume | undefined> {
    const params = { sr, name: NAME, description: DESCRIPTION, size: SIZE, sharable: false };
    const volume = await this.#trial.may(VOLUME.create, params, (made) => faultOf(made, SIZE));
    if (volume === undefined) return undefined;
    const { key } = volume;
    this.#volumes.add(key);
    await this.#stat(sr, key, (found) => different('name', NAME, found.name) ?? faultOf(found, SIZE));
    await this.#trial.must(SR.ls, { sr }, (volumes) =>
      volumes.some((each) => each.key === key) ? undefined : `the volume ${key} is not listed`,
    );
    return volume;
  }

  async #change(sr: string, key: string): Promise<void> {
    const trial = this.#trial;
    if (trial.has(VOLUME.set.name)) {
      await trial.may(VOLUME.set, { sr, key, k: 'test', v: 'a "text" with Ünicode' });
      await this.#stat(sr, key, ({ keys }) => different('keys.test', 'a "text" with Ünicode', keys.test));
    }
    await trial.may(VOLUME.unset, { sr, key, k: 'test' });
    await trial.may(VOLUME.setName, { sr, key, new_name: 'another name' });
    await trial.may(VOLUME.setDescription, { sr, key, new_description: 'another description' });
    await trial.may(VOLUME.resize, { sr, key, new_size: LARGER });
    await this.#stat(sr, key, (found) => {
      const kept = trial.has(VOLUME.unset.name) && found.keys.test !== undefined;
      const name = trial.has(VOLUME.setName.name) ? different('name', 'another name', found.name) : undefined;
      const least = trial.has(VOLUME.resize.name) ? LARGER : SIZE;
      return (kept ? 'keys.test was unset, and is still there' : undefined) ?? name ?? faultOf(found, least);
    });
  }

  /** A snapshot and a clone are volumes of their own, which go again. */
  async #copies(sr: string, key: string): Promise<void> {
    const trial = this.#trial;
    for (const script of [VOLUME.snapshot, VOLUME.clone]) {
      const copy = await trial.may(script, { sr, key }, (made) =>
        made.key === key ? 'it has the key of the volume that it was made of' : faultOf(made, SIZE),
      );
      if (copy === undefined || copy.key === key) continue;
      this.#volumes.add(copy.key);
      await this.#stat(sr, copy.key);
      await this.#destroy(sr, copy.key);
    }
    await this.#stat(sr, key);
  }

  async #reattach(before: string, key: string): Promise<void> {
    const trial = this.#trial;
    await trial.must(SR.detach, { sr: before });
    this.#sr = undefined;
    const sr = await this.#attach();
    await trial.must(SR.ls, { sr }, (volumes) =>
      volumes.some((each) => each.key === key)
        ? undefined
        : `the volume ${key} is not listed any more after the SR was detached and attached`,
    );
  }

  async #destroy(sr: string, key: string): Promise<void> {
    const trial = this.#trial;
    const answer = await trial.may(VOLUME.destroy, { sr, key });
    if (answer === undefined) return;
    this.#volumes.delete(key);
    await trial.mustRefuse(VOLUME.stat, { sr, key }, 'Volume_does_not_exist');
  }

  #stat(
    sr: string,
    key: string,
    fault: (volume: Volume) => string | undefined = () => undefined,
  ): Promise<Volume> {
    return this.#trial.must(
      VOLUME.stat,
      { sr, key },
      (volume) => different('key', key, volume.key) ?? fault(volume),
    );
  }
}

/** What is wrong with any volume. */
function faultOf({ key, uri, virtual_size }: Volume, least: number): string | undefined {
  if (key === '') return 'key: expected a text, got an empty one';
  if (uri.length === 0) return 'uri: expected at least one, got none: no datapath plugin can open the volume';
  return virtual_size < least ? `virtual_size: expected at least ${least}, got ${virtual_size}` : undefined;
}

const different = (field: string, expected: string, got: string | undefined): string | undefined =>
  expected === got
    ? undefined
    : `${field}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got) ?? 'nothing'}`;
