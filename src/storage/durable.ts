import { Journal, type JournalOptions } from '../journal/journal.ts';
import { ROUGH_BYTES, type StorageOperation, storageCodec } from './operations.ts';
import { type Commit, StorageState } from './state.ts';

export interface DurableStorageOptions {
  /** Where and how what was done is kept; `undefined`: for as long as the process lives. */
  readonly journal:
    | Omit<JournalOptions<StorageOperation>, 'codec' | 'apply' | 'snapshot' | 'heldBytes' | 'repair'>
    | undefined;
  /** Another one at each boot of the host. */
  readonly boot: string;
  readonly info: (text: string) => void;
}

export interface DurableStorage {
  readonly state: StorageState;
  readonly commit: Commit;
  /** Why nothing more can be kept at present; `undefined`: all is well. */
  readonly trouble: () => string | undefined;
  /** Keeps all that was committed. Nothing may be committed any more. */
  close(): Promise<void>;
}

/**
 * What is attached, as the journal has it. After a boot of the host nothing is attached, whatever the journal says. Throws
 * a `JournalError` when it is of a newer format, or the file system's error.
 */
export async function openDurableStorage(options: DurableStorageOptions): Promise<DurableStorage> {
  const { journal, boot, info } = options;
  const state = new StorageState();
  const kept =
    journal === undefined
      ? undefined
      : new Journal<StorageOperation>({
          ...journal,
          // What is damaged is set aside and said: disks that are in use can not wait for somebody to repair it.
          repair: true,
          codec: storageCodec,
          apply: (operation) => state.apply(operation),
          snapshot: () => state.snapshot(),
          heldBytes: () => heldBytes(state),
        });
  /** Of a boot that is not kept yet: it goes before all that is done in it. */
  let unkept: readonly StorageOperation[] = [];
  const commit: Commit = async (operations) => {
    const first = unkept;
    unkept = [];
    try {
      if (kept !== undefined) await committed(kept, [...first, ...operations]);
    } catch (error) {
      if (first.length > 0) unkept = first;
      throw error;
    }
    for (const operation of operations) state.apply(operation);
  };
  if (state.boot !== boot) {
    const { srs, datapaths, opened } = state.counts;
    if (srs + datapaths + opened > 0) {
      info(
        `the host was booted since: of ${srs} SRs and ${datapaths} datapaths that were attached, and ${opened} disks that were open, none is now`,
      );
    }
    const booted: StorageOperation = { type: 'booted', boot };
    state.apply(booted);
    unkept = [booted];
    // A disk that is full now must not keep the daemon from starting: the journal tells of it.
    await commit([]).catch(() => {});
  }
  return { state, commit, trouble: () => kept?.trouble, close: async () => kept?.close() };
}

const committed = (
  journal: Journal<StorageOperation>,
  operations: readonly StorageOperation[],
): Promise<void> =>
  new Promise((resolve, reject) => {
    journal.commit(operations, (failure) => {
      if (failure === undefined) resolve();
      else reject(new Error(failure));
    });
  });

const heldBytes = ({ counts }: StorageState): number =>
  ROUGH_BYTES * (counts.srs + counts.opened + counts.datapaths);
