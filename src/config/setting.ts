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
  /** A port of this host's own loopback, or none. */
  | { readonly format: 'loopback-or-none' | 'endpoint-or-none'; readonly default: string }
  | { readonly format: 'count'; readonly default: number }
  | { readonly format: 'flag'; readonly default: boolean }
  | { readonly format: 'domains' | 'variables'; readonly default: readonly string[] }
  | { readonly format: 'choice'; readonly default: string; readonly choices: readonly string[] }
  | { readonly format: 'listener-rules' | 'duration-rules'; readonly default: readonly QueueRule[] }
  | { readonly format: 'timeout-rules'; readonly default: readonly TimeoutRule[] }
  | { readonly format: 'policy-rules'; readonly default: readonly PolicySetting[] }
  | { readonly format: 'datapath-rules'; readonly default: readonly DatapathRuleSetting[] }
  | { readonly format: 'domain-sockets'; readonly default: readonly DomainSocket[] }
  | { readonly format: 'levels'; readonly default: readonly LevelSetting[] | '' }
);

/** The settings of one table of the file. */
export type Section = Readonly<Record<string, Setting>>;

/** The parts of the daemon that the log tells apart. */
export const SUBSYSTEMS = [
  'daemon',
  'switch',
  'sockets',
  'rpc',
  'storage',
  'plugins',
  'xenstore',
  'journal',
  'monitoring',
] as const;
export type Subsystem = (typeof SUBSYSTEMS)[number];

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type Level = (typeof LEVELS)[number];

export interface LevelSetting {
  readonly subsystem: Subsystem;
  readonly level: Level;
}

/** What may be allowed. */
export const ACTIONS = ['send', 'receive', 'create', 'destroy', 'observe', 'configure', 'shutdown'] as const;

/** Allows actions on the queues that a pattern names to the peers of a user or a group, or of both: by number or name. */
export interface PolicySetting {
  readonly uid: number | string | undefined;
  readonly gid: number | string | undefined;
  readonly queue: string;
  readonly allow: readonly (typeof ACTIONS)[number][];
}

/** What carries a disk to a domain. */
export const IMPLEMENTATIONS = ['vbd3', 'vbd', 'qdisk', 'nbd', 'block', 'file'] as const;

/** Caching strategies. */
export const CACHINGS = ['none', 'writeback', 'writethrough', 'directsync', 'unsafe', 'lcache'] as const;

/** What a rule prefers or forbids of a choice. */
export interface DatapathProperties {
  readonly implementation: readonly (typeof IMPLEMENTATIONS)[number][];
  /** By domid or by the VM's uuid. */
  readonly driverDomain: readonly string[];
  readonly caching: readonly (typeof CACHINGS)[number][];
}

/** Directs the choice of a datapath for what its patterns match, in which `*` stands for any characters. */
export interface DatapathRuleSetting {
  readonly scheme: string;
  readonly sr: string;
  readonly domain: string;
  readonly prefer: DatapathProperties;
  readonly forbid: DatapathProperties;
  readonly spread: boolean;
}

/** Where the datapath service of a driver domain is reached. */
export interface DomainSocket {
  /** Of the VM, in lower case. */
  readonly uuid: string;
  /** The absolute path of a Unix socket. */
  readonly socket: string;
}

/** A time for the queues that a pattern names, in which `*` stands for any characters. The first that matches holds. */
export interface QueueRule {
  readonly queue: string;
  /** ms; infinite: for ever */
  readonly time: number;
}

/** A time for the methods that a pattern names, in which `*` stands for any characters. The first that matches holds. */
export interface TimeoutRule {
  readonly method: string;
  /** ms */
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
