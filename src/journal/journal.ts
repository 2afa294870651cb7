import { closeSync, fdatasync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Codec } from './codec.ts';
import { syncDirectory, writeWholeSync } from './disk.ts';
import { encodeRecord, LARGE_RECORD_BYTES } from './record.ts';
import { replay } from './replay.ts';
import { encodeHead, FORMAT, fileName } from './segment.ts';
import { removeFilesUpTo, writeSnapshot } from './snapshot.ts';

/** Each is the setting `journal.<name>`, but for the folder and what is in it. Times are in ms. */
export interface JournalOptions<Operation> {
  readonly directory: string;
  readonly codec: Codec<Operation>;
  readonly sync: 'always' | 'interval' | 'never';
  readonly interval: number;
  readonly segmentBytes: number;
  readonly retryInterval: number;
  readonly repair: boolean;
  /** What is found at the start, in order. */
  readonly apply: (operation: Operation) => void;
  /** See `ReplayOptions`. */
  readonly applyRecord?: (body: Buffer) => boolean;
  /**
   * All that is held when this is called, as operations that make it anew. They are taken one after the other while
   * changes go on: what is acked meanwhile may be left out, what is added must be.
   */
  readonly snapshot: () => Iterable<Operation>;
  /** Bytes that are held now, roughly. */
  readonly heldBytes: () => number;
  readonly warn: (text: string) => void;
  /** Told of what is done, so that it can be counted. */
  readonly meter?: JournalMeter | undefined;
}

/** Times are in ms. */
export interface JournalMeter {
  /** A record of so many bytes. */
  wrote(bytes: number): void;
  synced(ms: number): void;
  compacted(): void;
  failed(): void;
  /** Bytes of all files. */
  sized(bytes: number): void;
}

/** Told what became of a commit: kept, or the reason why it was not. */
export type Settle = (failure: string | undefined) => void;

interface Commit<Operation> {
  readonly operations: readonly Operation[];
  readonly settle: Settle;
}

const dataSync = promisify(fdatasync);

/**
 * What was accepted, on disk. All that is committed in one turn of the event loop is one record, unless it is very much, one
 * write and one fdatasync; what comes meanwhile is the next. When a write fails, what adds something is refused, and what only takes
 * away is owed: it is written when there is room again.
 */
export class Journal<Operation> {
  readonly #options: JournalOptions<Operation>;
  #fd = -1;
  #number: number;
  /** Good bytes of the segment. */
  #bytes = 0;
  /** The segment's entry in the folder is not on disk yet. */
  #isNewFile = false;
  /** Bytes of the snapshot and all segments. */
  #totalBytes: number;
  readonly #gathering: Commit<Operation>[] = [];
  #writing = false;
  #compacting: Promise<void> | undefined;
  #compactAbove = 0;
  #owed: Operation[] = [];
  #trouble: string | undefined;
  #retry: NodeJS.Timeout | undefined;
  #trying: Promise<void> | undefined;
  readonly #syncTimer: NodeJS.Timeout | undefined;
  #idle: () => void = () => {};

  /** Gives back what the folder holds by `apply`, and begins a segment. Throws a `JournalError`, or the file system's. */
  constructor(options: JournalOptions<Operation>) {
    this.#options = options;
    const replayed = replay(options);
    this.#number = replayed.number;
    this.#totalBytes = replayed.totalBytes;
    this.#beginSegment(replayed.bytes);
    if (replayed.repaired) this.#compacting = this.#compact();
    if (options.sync === 'interval') {
      this.#syncTimer = setInterval(() => this.#syncInTheBackground(), options.interval).unref();
    }
  }

  /** Why nothing can be added at present; `undefined`: all is well. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Calls back when the operations are kept, or not: in the order of the commits, before anything else is written. */
  commit(operations: readonly Operation[], settle: Settle): void {
    if (this.#trouble !== undefined) {
      this.#settleInTrouble({ operations, settle }, this.#trouble);
      return;
    }
    this.#gathering.push({ operations, settle });
    if (this.#gathering.length === 1 && !this.#writing) setImmediate(() => this.#write());
  }

  /** Writes what is left, and a snapshot, so that the next start is quick. Nothing may be committed any more. */
  async close(): Promise<void> {
    clearTimeout(this.#retry);
    clearInterval(this.#syncTimer);
    if (this.#writing || this.#gathering.length > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#compacting;
    // What is owed is owed no more after this: there may be room again by now.
    if (this.#trouble !== undefined) await this.#tryAgain();
    clearTimeout(this.#retry);
    if (this.#trouble === undefined && this.#totalBytes > this.#options.heldBytes()) await this.#compact();
    this.#closeFile();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    while (this.#gathering.length > 0) {
      const commits = this.#takeForRecord();
      const failure = await this.#keep(commits.flatMap(({ operations }) => operations));
      for (const commit of commits) {
        if (failure === undefined) commit.settle(undefined);
        else this.#settleInTrouble(commit, failure);
      }
    }
    this.#writing = false;
    this.#idle();
    this.#compactIfWorthwhile();
  }

  /** So many of the commits as a start can read again in one record; always the first. */
  #takeForRecord(): Commit<Operation>[] {
    const { codec } = this.#options;
    let bytes = 0;
    const tooMany = this.#gathering.findIndex(({ operations }) => {
      for (const operation of operations) bytes += codec.roughBytes(operation);
      return bytes > LARGE_RECORD_BYTES;
    });
    return this.#gathering.splice(0, tooMany === -1 ? this.#gathering.length : Math.max(1, tooMany));
  }

  /** Writes one record. Gives the reason when it could not be kept. */
  async #keep(operations: readonly Operation[]): Promise<string | undefined> {
    // A write before this one may have failed since these came.
    if (this.#trouble !== undefined) return this.#trouble;
    try {
      if (this.#bytes > this.#options.segmentBytes) await this.#nextSegment();
      this.#append(encodeRecord(this.#options.codec, operations));
      if (this.#options.sync === 'always') await this.#sync();
      return undefined;
    } catch (error) {
      return this.#failed(error);
    }
  }

  #settleInTrouble({ operations, settle }: Commit<Operation>, failure: string): void {
    if (operations.some((operation) => this.#options.codec.adds(operation))) {
      settle(failure);
      return;
    }
    this.#owed.push(...operations);
    settle(undefined);
  }

  /** What a failed write left is cut off, and nothing is written behind it: the next try begins a new segment. */
  #failed(error: unknown): string {
    const reason = `the journal can not be written: ${error instanceof Error ? error.message : error}`;
    if (this.#trouble === undefined) this.#options.warn(reason);
    this.#trouble = reason;
    this.#options.meter?.failed();
    try {
      if (this.#fd >= 0) ftruncateSync(this.#fd, this.#bytes);
    } catch {
      // The next segment says how many bytes of this one are good.
    }
    this.#closeFile();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#tryAgain(), this.#options.retryInterval).unref();
    return reason;
  }

  /** One at a time: a stop may come while one is under way. */
  #tryAgain(): Promise<void> {
    this.#trying ??= this.#writeOwed().finally(() => {
      this.#trying = undefined;
    });
    return this.#trying;
  }

  async #writeOwed(): Promise<void> {
    let owed: Operation[] = [];
    try {
      this.#beginSegment(this.#bytes);
      // More may be owed by the time that this is on the disk.
      do {
        owed = this.#owed;
        this.#owed = [];
        this.#append(encodeRecord(this.#options.codec, owed));
        await this.#sync();
      } while (this.#owed.length > 0);
      this.#trouble = undefined;
      this.#options.warn('the journal is written again');
    } catch (error) {
      this.#owed = [...owed, ...this.#owed];
      this.#failed(error);
    }
  }

  #append(parts: readonly Buffer[]): void {
    const bytes = writeWholeSync(this.#fd, parts);
    this.#bytes += bytes;
    this.#totalBytes += bytes;
    this.#options.meter?.wrote(bytes);
    this.#options.meter?.sized(this.#totalBytes);
  }

  async #sync(): Promise<void> {
    const { meter } = this.#options;
    const begun = performance.now();
    await dataSync(this.#fd);
    meter?.synced(performance.now() - begun);
    if (!this.#isNewFile) return;
    await syncDirectory(this.#options.directory);
    this.#isNewFile = false;
  }

  #syncInTheBackground(): void {
    if (this.#fd < 0 || this.#writing) return;
    this.#sync().catch((error) => this.#failed(error));
  }

  async #nextSegment(): Promise<void> {
    if (this.#options.sync !== 'never') await this.#sync();
    const bytes = this.#bytes;
    this.#closeFile();
    this.#beginSegment(bytes);
  }

  #beginSegment(previousBytes: number): void {
    const number = this.#number + 1;
    const path = join(this.#options.directory, fileName('segment', number));
    const fd = openSync(path, 'wx', 0o600);
    let bytes: number;
    try {
      bytes = writeWholeSync(fd, encodeHead({ format: FORMAT, number, previousBytes }));
    } catch (error) {
      closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
    this.#fd = fd;
    this.#number = number;
    this.#bytes = bytes;
    this.#totalBytes += bytes;
    this.#options.meter?.sized(this.#totalBytes);
    this.#isNewFile = true;
  }

  #closeFile(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #compactIfWorthwhile(): void {
    if (this.#compacting !== undefined || this.#trouble !== undefined) return;
    const worth = Math.max(this.#compactAbove, 2 * this.#options.heldBytes() + this.#options.segmentBytes);
    if (this.#totalBytes > worth) this.#compacting = this.#compact();
  }

  /**
   * Writes what is held into a snapshot that takes the place of all segments so far. Begins between two records, so that
   * what is held is just what these segments hold.
   */
  async #compact(): Promise<void> {
    const { directory, codec, snapshot, warn, meter } = this.#options;
    try {
      const operations = snapshot();
      const upTo = this.#number;
      const old = this.#fd;
      const isUnsynced = this.#options.sync !== 'always';
      this.#beginSegment(this.#bytes);
      try {
        if (isUnsynced) await dataSync(old);
      } finally {
        closeSync(old);
      }
      const before = this.#totalBytes - this.#bytes;
      const bytes = await writeSnapshot(directory, codec, upTo, operations);
      removeFilesUpTo(directory, upTo);
      this.#totalBytes += bytes - before;
      meter?.compacted();
      meter?.sized(this.#totalBytes);
    } catch (error) {
      warn(`the journal was not compacted: ${error instanceof Error ? error.message : error}`);
      this.#compactAbove = this.#totalBytes + this.#options.segmentBytes;
    } finally {
      this.#compacting = undefined;
    }
  }
}
