import { type Datapath, type DatapathKey, keyText, mayWrite } from './datapath-state.ts';
import type { AttachedSr, Opened, OpenedKey, StorageOperation } from './operations.ts';

/** Keeps operations, in their order; rejects with the reason when they can't be kept. */
export type Commit = (operations: readonly StorageOperation[]) => Promise<void>;

/** What is attached through this daemon. `apply` is the only way in which it changes, live and at the start. */
export class StorageState {
  readonly #srs = new Map<string, AttachedSr>();
  readonly #opened = new Map<string, Opened>();
  readonly #datapaths = new Map<string, Datapath>();
  /** The keys of the datapaths by the volume that they lead to. */
  readonly #byVolume = new Map<string, Set<string>>();
  #boot: string | undefined;
  #stateDbMark: string | undefined;

  /** The boot of the host in which all of it was done; nothing: nothing was done yet. */
  get boot(): string | undefined {
    return this.#boot;
  }

  /** How the file of the daemon before this one was when it was last read or written; nothing: never in this boot. */
  get stateDbMark(): string | undefined {
    return this.#stateDbMark;
  }

  get srs(): ReadonlyMap<string, AttachedSr> {
    return this.#srs;
  }

  get datapaths(): Iterable<Datapath> {
    return this.#datapaths.values();
  }

  get opened(): Iterable<Opened> {
    return this.#opened.values();
  }

  get counts(): { readonly srs: number; readonly opened: number; readonly datapaths: number } {
    return { srs: this.#srs.size, opened: this.#opened.size, datapaths: this.#datapaths.size };
  }

  datapath(key: DatapathKey): Datapath | undefined {
    return this.#datapaths.get(keyText(key));
  }

  open(key: OpenedKey): Opened | undefined {
    return this.#opened.get(openedId(key));
  }

  /** Another domain's datapath to the same volume that writes, or might. */
  writer(datapath: Datapath): Datapath | undefined {
    const { sr, choice, domain } = datapath;
    for (const id of this.#byVolume.get(volumeId(sr, choice.volume)) ?? []) {
      const other = this.#datapaths.get(id);
      if (other !== undefined && other.domain !== domain && mayWrite(other)) return other;
    }
    return undefined;
  }

  apply(operation: StorageOperation): void {
    switch (operation.type) {
      case 'booted':
        this.#forget();
        this.#boot = operation.boot;
        return;
      case 'sr-attached':
        this.#srs.set(operation.attached.sr, operation.attached);
        return;
      case 'sr-detached':
        this.#srs.delete(operation.sr);
        return;
      case 'opened':
        this.#opened.set(openedId(operation.opened), operation.opened);
        return;
      case 'closed':
        this.#opened.delete(openedId(operation.key));
        return;
      case 'datapath-changed':
      case 'datapath-lowered':
        this.#set(operation.datapath);
        return;
      case 'datapath-closed':
        this.#remove(keyText(operation.key));
        return;
      case 'state-db-seen':
        this.#stateDbMark = operation.mark;
        return;
    }
  }

  /** What is held, as operations that make it anew. */
  *snapshot(): Iterable<StorageOperation> {
    if (this.#boot !== undefined) yield { type: 'booted', boot: this.#boot };
    if (this.#stateDbMark !== undefined) yield { type: 'state-db-seen', mark: this.#stateDbMark };
    for (const attached of [...this.#srs.values()]) yield { type: 'sr-attached', attached };
    for (const opened of [...this.#opened.values()]) yield { type: 'opened', opened };
    for (const datapath of [...this.#datapaths.values()]) yield { type: 'datapath-changed', datapath };
  }

  #set(datapath: Datapath): void {
    const id = keyText(datapath);
    this.#remove(id);
    this.#datapaths.set(id, datapath);
    const volume = volumeId(datapath.sr, datapath.choice.volume);
    const ids = this.#byVolume.get(volume) ?? new Set();
    this.#byVolume.set(volume, ids.add(id));
  }

  #remove(id: string): void {
    const datapath = this.#datapaths.get(id);
    if (datapath === undefined) return;
    this.#datapaths.delete(id);
    const volume = volumeId(datapath.sr, datapath.choice.volume);
    const ids = this.#byVolume.get(volume);
    ids?.delete(id);
    if (ids?.size === 0) this.#byVolume.delete(volume);
  }

  #forget(): void {
    this.#stateDbMark = undefined;
    this.#srs.clear();
    this.#opened.clear();
    this.#datapaths.clear();
    this.#byVolume.clear();
  }
}

/** JSON, as each of the names may hold any character. */
const volumeId = (sr: string, volume: string): string => JSON.stringify([sr, volume]);
const openedId = ({ sr, vdi, vm }: OpenedKey): string => JSON.stringify([sr, vdi, vm]);
