import type { Plugin, PluginKind } from './plugin.ts';

/** What became of a plugin. */
export type PluginChange =
  | { readonly type: 'registered' | 'replaced'; readonly plugin: Plugin }
  | { readonly type: 'removed'; readonly kind: PluginKind; readonly name: string }
  /** What is in the directory now is not used. */
  | { readonly type: 'refused'; readonly kind: PluginKind; readonly name: string; readonly reason: string };

/** A directory of a plugin and what is made of it. */
export interface PluginStatus {
  readonly kind: PluginKind;
  readonly name: string;
  readonly directory: string;
  /** What calls go to; it may be an older one than what is in the directory. */
  readonly plugin: Plugin | undefined;
  /** When it was registered. */
  readonly since: number | undefined;
  /** Why what is in the directory is not used. */
  readonly refused: string | undefined;
  readonly warnings: readonly string[];
  readonly running: number;
  readonly waiting: number;
  readonly workers: number;
}
