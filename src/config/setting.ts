/** One setting: what is known of it, from which reading, checking, `--help`, the default file and the page are made. */
export type Setting = {
  readonly doc: string;
} & (
  | {
      readonly format: 'duration' | 'size';
      readonly default: string;
      /** Nothing has a meaning here, and is allowed. */
      readonly least?: 0;
    }
  | {
      readonly format: 'mode' | 'text' | 'path' | 'path-or-none' | 'queue' | 'store-path';
      readonly default: string;
    }
  | { readonly format: 'count'; readonly default: number }
  | { readonly format: 'flag'; readonly default: boolean }
  | { readonly format: 'domains'; readonly default: readonly string[] }
  | { readonly format: 'choice'; readonly default: string; readonly choices: readonly string[] }
  | { readonly format: 'listener-rules' | 'duration-rules'; readonly default: readonly QueueRule[] }
  | { readonly format: 'policy-rules'; readonly default: readonly PolicySetting[] }
);

/** What may be allowed. */
export const ACTIONS = ['send', 'receive', 'create', 'destroy', 'observe', 'shutdown'] as const;

/** Allows actions on the queues that a pattern names to the peers of a uid or a gid, or of both. */
export interface PolicySetting {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly queue: string;
  readonly allow: readonly (typeof ACTIONS)[number][];
}

/** A time for the queues that a pattern names, in which `*` stands for any characters. The first that matches holds. */
export interface QueueRule {
  readonly queue: string;
  /** ms; infinite: for ever */
  readonly time: number;
}

/** The unit of a plain number, for the settings that have one. */
export function unitOf(setting: Setting): string | undefined {
  switch (setting.format) {
    case 'duration':
      return 'seconds';
    case 'size':
      return 'bytes';
    default:
      return undefined;
  }
}
