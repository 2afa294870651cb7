import { isStoreError } from './errors.ts';

/** What of a connection the view asks. */
export interface StoreReads {
  readText(path: string): Promise<string | undefined>;
  directory(path: string): Promise<string[]>;
  watch(path: string, token: string): Promise<void>;
  unwatch(path: string, token: string): Promise<void>;
  isDomainIntroduced(domid: number): Promise<boolean>;
}

/** The names of a node's children, or nothing when there is no such node. */
export async function listOrNone(store: StoreReads, path: string): Promise<string[] | undefined> {
  try {
    return await store.directory(path);
  } catch (error) {
    if (isStoreError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
