import { type FSWatcher, statSync, watch } from 'node:fs';

/** Watches a directory; gives what ends the watch. Throws when it can't. */
export type WatchDirectory = (
  path: string,
  changed: (name: string | null) => void,
  failed: () => void,
) => () => void;

export const watchDirectory: WatchDirectory = (path, changed, failed) => {
  const watcher: FSWatcher = watch(path, { persistent: false }, (_event, name) => changed(name));
  watcher.on('error', failed);
  return () => watcher.close();
};

/** Watches on a set of directories that is found anew in each round. A watch dies with its directory. */
export class Watches {
  readonly #watch: WatchDirectory;
  readonly #changed: () => void;
  readonly #kept = new Map<string, { readonly identity: string; readonly close: () => void }>();
  #round = new Set<string>();

  constructor(watchOne: WatchDirectory, changed: () => void) {
    this.#watch = watchOne;
    this.#changed = changed;
  }

  begin(): void {
    this.#round = new Set();
  }

  /**
   * Watches a directory in this round; `only`: what is told of is this entry. What is watched before it is read misses
   * no change.
   */
  add(path: string, only?: string): void {
    this.#round.add(path);
    try {
      const identity = identityOf(path);
      const kept = this.#kept.get(path);
      if (kept !== undefined && kept.identity === identity) return;
      this.#drop(path);
      if (identity === undefined) return;
      const close = this.#watch(
        path,
        (name) => {
          if (only === undefined || name === null || name === only) this.#changed();
        },
        () => {
          this.#drop(path);
          this.#changed();
        },
      );
      this.#kept.set(path, { identity, close });
    } catch {
      // It is gone again, or the system has no more watches: the look that comes every while sees what is there.
    }
  }

  /** Ends the watches that the round didn't name. */
  end(): void {
    for (const path of [...this.#kept.keys()]) if (!this.#round.has(path)) this.#drop(path);
  }

  close(): void {
    for (const path of [...this.#kept.keys()]) this.#drop(path);
  }

  #drop(path: string): void {
    this.#kept.get(path)?.close();
    this.#kept.delete(path);
  }
}

/** Another directory of the same name is another one, even when the file system gives it the same number again. */
function identityOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isDirectory() ? `${stats.dev} ${stats.ino} ${stats.birthtimeNs}` : undefined;
}
