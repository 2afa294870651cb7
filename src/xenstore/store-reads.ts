/** What of a connection the view asks. */
export interface StoreReads {
  readText(path: string): Promise<string | undefined>;
  directory(path: string): Promise<string[]>;
  watch(path: string, token: string): Promise<void>;
  unwatch(path: string, token: string): Promise<void>;
  isDomainIntroduced(domid: number): Promise<boolean>;
}
