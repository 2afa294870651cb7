import { smapiv2Error } from './errors.ts';
import type { AttachedSr } from './operations.ts';
import type { Plugin } from './plugins/plugin.ts';
import { runScript, scriptOf, unlessScriptError } from './scripts.ts';
import { SrInterface } from './sr.ts';
import type { Commit, StorageState } from './state.ts';
import { UNKNOWN_QUEUE } from './takeover.ts';
import type { SrStat } from './types.ts';

/** Tells the host which SRs are attached. Neither rejects: what fails is tried again, and shows elsewhere. */
export interface SrPublisher {
  publish(sr: { readonly uuid: string; readonly plugin: string }): Promise<void>;
  remove(uuid: string): Promise<void>;
}

/** The daemon that collects measurements. Neither rejects. */
export interface Measurements {
  register(uid: string): Promise<void>;
  deregister(uid: string): Promise<void>;
}

export interface AttachedSrsOptions {
  readonly state: StorageState;
  readonly commit: Commit;
  readonly publisher: SrPublisher;
  readonly measurements: Measurements;
}

const ATTACH = scriptOf(SrInterface, 'attach');
const DETACH = scriptOf(SrInterface, 'detach');
const STAT = scriptOf(SrInterface, 'stat');

/** The SRs that are attached through this daemon: what the plugin calls each, and by which queue. */
export class AttachedSrs {
  readonly #options: AttachedSrsOptions;

  constructor(options: AttachedSrsOptions) {
    this.#options = options;
  }

  /** What is known of an SR of a queue. Throws `Sr_not_attached`. */
  get(queue: string, sr: string): AttachedSr {
    const attached = this.#find(queue, sr);
    if (attached === undefined) throw smapiv2Error('Sr_not_attached', sr);
    return attached;
  }

  /** Says by which queue an SR is attached that was taken over: its file did not tell. */
  async bind(sr: string, queue: string): Promise<void> {
    const { state, commit, publisher } = this.#options;
    const attached = state.srs.get(sr);
    if (attached?.queue !== UNKNOWN_QUEUE) return;
    await commit([{ type: 'sr-attached', attached: { ...attached, queue } }]);
    // It may have been detached meanwhile.
    if (state.srs.get(sr)?.queue === queue) await publisher.publish({ uuid: sr, plugin: queue });
  }

  /** Who calls for an SR that was taken over knows whose it is. */
  #find(queue: string, sr: string): AttachedSr | undefined {
    const attached = this.#options.state.srs.get(sr);
    if (attached?.queue === queue) return attached;
    if (attached?.queue !== UNKNOWN_QUEUE) return undefined;
    // Unless it can be kept now, the next call tells it again.
    this.bind(sr, queue).catch(() => {});
    return { ...attached, queue };
  }

  /** The uuids of a queue's SRs, sorted. */
  list(queue: string): string[] {
    return [...this.#options.state.srs.values()]
      .filter((attached) => attached.queue === queue || attached.queue === UNKNOWN_QUEUE)
      .map(({ sr }) => sr)
      .sort();
  }

  /**
   * Attaches, or attaches again. When a later step fails, the steps before it are taken back: not those of an SR that was
   * attached already, whose disks may be in use.
   */
  async attach(
    plugin: Plugin,
    sr: string,
    configuration: Readonly<Record<string, string>>,
    dbg: string,
  ): Promise<void> {
    const { state, commit, publisher, measurements } = this.#options;
    const other = state.srs.get(sr);
    if (other !== undefined && ![plugin.name, UNKNOWN_QUEUE].includes(other.queue)) {
      throw smapiv2Error('Internal_error', `the SR ${sr} is attached already, by ${other.queue}`);
    }
    const handle = await runScript(plugin, ATTACH, { dbg, configuration });
    const wasAttached = other?.handle === handle;
    const attached = await this.#whole(plugin, handle, dbg, wasAttached, async () => {
      const stat = await runScript(plugin, STAT, { dbg, sr: handle });
      const datasources = measuredBy(stat);
      // Disks that were attached by the daemon before this one are so still.
      const takenOver = other?.takenOver ?? false;
      const attached = { sr, queue: plugin.name, handle, datasources, takenOver };
      await commit([{ type: 'sr-attached', attached }]);
      return attached;
    });
    await Promise.all([
      publisher.publish({ uuid: sr, plugin: plugin.name }),
      ...attached.datasources.map((uid) => measurements.register(uid)),
    ]);
  }

  /** Detaches. What is not attached stays so. */
  async detach(plugin: Plugin, sr: string, dbg: string): Promise<void> {
    const { commit, publisher, measurements } = this.#options;
    const attached = this.#find(plugin.name, sr);
    if (attached === undefined) return;
    // Unless it was detached by a daemon that was killed before it could keep that.
    await runScript(plugin, DETACH, { dbg, sr: attached.handle }).catch(unlessScriptError('Sr_not_attached'));
    // Out of the store before it is forgotten here: what is not known any more would stay there.
    await publisher.remove(sr);
    await commit([{ type: 'sr-detached', sr }]);
    await Promise.all(attached.datasources.map((uid) => measurements.deregister(uid)));
  }

  async #whole<T>(
    plugin: Plugin,
    handle: string,
    dbg: string,
    wasAttached: boolean,
    rest: () => Promise<T>,
  ): Promise<T> {
    try {
      return await rest();
    } catch (error) {
      if (!wasAttached) await plugin.call(DETACH.name, { dbg, sr: handle });
      throw error;
    }
  }
}

/** The datasources that the measuring daemon reads itself: files in shared memory. */
const SHARED_MEMORY = /^xeno\+shm:(?:\/\/[^/]*)?\/?(.*)$/i;

const measuredBy = ({ datasources }: SrStat): string[] =>
  datasources.flatMap((uri) => {
    const uid = SHARED_MEMORY.exec(uri)?.[1];
    return uid === undefined || uid === '' ? [] : [unescaped(uid)];
  });

/** What is no proper URI is taken as it stands: nobody would look for the fault of an SR in its measurements. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
