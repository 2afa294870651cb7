/** The settings of the section `plugins`: times in ms, sizes in bytes. */
export interface PluginSettings {
  readonly root: string;
  readonly environment: readonly string[];
  readonly timeout: number;
  readonly timeouts: readonly TimeoutRule[];
  readonly queryTimeout: number;
  readonly slowAfter: number;
  readonly killGrace: number;
  readonly maxRunning: number;
  readonly maxRunningPerPlugin: number;
  readonly maxOutputBytes: number;
  readonly maxLoggedBytes: number;
  readonly maxFiles: number;
  readonly workers: number;
  readonly settle: number;
  readonly rescanInterval: number;
}

/** A time for the methods that a pattern names, in which `*` stands for any characters. */
export interface TimeoutRule {
  readonly method: string;
  /** ms */
  readonly time: number;
}

/** Where the plugin host writes. Whoever gives it takes the secrets out: scripts write what they like. */
export interface PluginLog {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}
