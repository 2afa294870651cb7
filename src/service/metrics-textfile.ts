import { chmod, rename, rm, writeFile } from 'node:fs/promises';

export interface TextfileOptions {
  readonly path: string;
  /** ms */
  readonly interval: number;
  readonly text: () => string;
  /** Called for each time that it could not be written. */
  readonly failed: (reason: string) => void;
}

export interface Textfile {
  /** Ends the writing, and removes the file: what it says would be old. */
  stop(): Promise<void>;
}

/**
 * Writes a text to a file now and again and again, in one step each time, so that nobody reads half of it. The name of the
 * file before that step ends in nothing that node_exporter reads.
 */
export function startTextfile({ path, interval, text, failed }: TextfileOptions): Textfile {
  const fresh = `${path}.${process.pid}.new`;
  const write = async (): Promise<void> => {
    try {
      await writeFile(fresh, text());
      // Whatever the umask is, which is narrow in the unit: node_exporter is another user.
      await chmod(fresh, 0o644);
      await rename(fresh, path);
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      failed(error instanceof Error ? error.message : String(error));
    }
  };
  let writing: Promise<void> | undefined;
  const begin = (): void => {
    // A slow disk gets one at a time.
    writing ??= write().finally(() => {
      writing = undefined;
    });
  };
  begin();
  const timer = setInterval(begin, interval).unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await writing;
      await rm(path, { force: true }).catch(() => {});
    },
  };
}
