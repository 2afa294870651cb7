import { LEVELS, type Level, type LevelSetting, SUBSYSTEMS, type Subsystem } from './config.ts';
import type { Logger } from './log.ts';

/** The settings that levels come from. */
export interface LevelSettings {
  readonly level: Level;
  readonly levels: readonly LevelSetting[];
}

/** The level of a subsystem, as it is now. */
export interface LevelReport {
  readonly subsystem: Subsystem;
  readonly level: Level;
  /** What the settings say. */
  readonly configured: Level;
  /** When it is that again, as in 2026-11-27T19:51:42.000Z; absent: not before a restart or a reload. */
  readonly until?: string;
}

/** A change for a while, as it is asked for: each is a text or a number, or it is absent. */
export interface LevelChange {
  /** Absent: all. */
  readonly subsystem?: unknown;
  /** Absent: what the settings say. */
  readonly level?: unknown;
  /** After how many seconds it is again what the settings say; absent: not before a restart or a reload. */
  readonly seconds?: unknown;
}

/** The levels of the daemon's log, which an operator may change while it runs. */
export interface LogLevels {
  /** The logger of a part of the daemon. A line of a level that is not wanted costs nothing. */
  logger(subsystem: Subsystem): Logger;
  report(): LevelReport[];
  /** Changes what is asked for, and logs it; gives why it can't be. `by` says who asks. */
  change(change: LevelChange, by: string): string | undefined;
  /** Takes new settings: what was changed for a while is over. */
  configure(settings: LevelSettings): void;
}

/** A level that is not that of the settings. */
interface Override {
  readonly level: Level;
  readonly until: number | undefined;
  readonly timer: NodeJS.Timeout | undefined;
}

/** What lasts longer is a setting. It is also less than the longest time of Node's timers. */
const LONGEST_S = 7 * 24 * 3600;

/** `root` is the log of which each subsystem gets a part; `now` is a clock in ms since the epoch. */
export function createLogLevels(root: Logger, settings: LevelSettings, now: () => number): LogLevels {
  let configured = settings;
  const overrides = new Map<Subsystem, Override>();
  const loggers = new Map(SUBSYSTEMS.map((subsystem) => [subsystem, root.child({ subsystem })]));
  // Who makes the log silent is seen to do so.
  const changes = root.child({ subsystem: 'daemon' }, { level: 'info' });

  const configuredLevel = (subsystem: Subsystem): Level =>
    configured.levels.find((each) => each.subsystem === subsystem)?.level ?? configured.level;
  const levelOf = (subsystem: Subsystem): Level =>
    overrides.get(subsystem)?.level ?? configuredLevel(subsystem);
  const logger = (subsystem: Subsystem): Logger => loggers.get(subsystem) ?? root;
  const apply = (): void => {
    for (const [subsystem, each] of loggers) each.level = levelOf(subsystem);
  };

  const tell = (subsystem: Subsystem, from: Level, why: string, fields: object = {}): void => {
    const to = levelOf(subsystem);
    if (from === to && !overrides.has(subsystem)) return;
    const text = `the log level of ${subsystem} is ${to}, and was ${from}: ${why}`;
    changes.info({ about: subsystem, from, to, ...fields }, text);
  };

  const revert = (subsystem: Subsystem, why: string): void => {
    const override = overrides.get(subsystem);
    if (override === undefined) return;
    clearTimeout(override.timer);
    overrides.delete(subsystem);
    apply();
    tell(subsystem, override.level, why);
  };

  const set = (subsystem: Subsystem, level: Level, seconds: number | undefined, by: string): void => {
    const from = levelOf(subsystem);
    clearTimeout(overrides.get(subsystem)?.timer);
    const until = seconds === undefined ? undefined : now() + seconds * 1000;
    const timer =
      seconds === undefined ? undefined : setTimeout(revert, seconds * 1000, subsystem, 'its time is over');
    // It keeps nobody from ending.
    timer?.unref();
    overrides.set(subsystem, { level, until, timer });
    apply();
    const end = until === undefined ? 'until a restart or a reload' : `until ${isoTime(until)}`;
    tell(subsystem, from, `${by} has set it ${end}`, { by });
  };

  apply();
  return {
    logger,
    report: () =>
      SUBSYSTEMS.map((subsystem) => {
        const until = overrides.get(subsystem)?.until;
        return {
          subsystem,
          level: levelOf(subsystem),
          configured: configuredLevel(subsystem),
          ...(until === undefined ? {} : { until: isoTime(until) }),
        };
      }),
    change: (given, by) => {
      const change = readChange(given);
      if (typeof change === 'string') return change;
      const { subsystems, level, seconds } = change;
      for (const subsystem of subsystems) {
        if (level === undefined) revert(subsystem, `${by} has taken the change back`);
        else set(subsystem, level, seconds, by);
      }
      return undefined;
    },
    configure: (next) => {
      for (const subsystem of SUBSYSTEMS) revert(subsystem, 'the configuration was read again');
      configured = next;
      apply();
    },
  };
}

interface ReadChange {
  readonly subsystems: readonly Subsystem[];
  readonly level: Level | undefined;
  readonly seconds: number | undefined;
}

/** What a change comes to, or what is wrong with it. */
function readChange({ subsystem, level, seconds }: LevelChange): ReadChange | string {
  const about = SUBSYSTEMS.filter((each) => subsystem === undefined || each === subsystem);
  if (about.length === 0) return wrong('subsystem', `one of ${SUBSYSTEMS.join(', ')}`, subsystem);
  const to = LEVELS.find((each) => each === level);
  if (level !== undefined && to === undefined) return wrong('level', `one of ${LEVELS.join(', ')}`, level);
  if (seconds === undefined) return { subsystems: about, level: to, seconds };
  if (to === undefined) return wrong('seconds', 'none without a level', seconds);
  return typeof seconds === 'number' && seconds > 0 && seconds <= LONGEST_S
    ? { subsystems: about, level: to, seconds }
    : wrong('seconds', `a number above 0, at most ${LONGEST_S} (7 days)`, seconds);
}

const LONGEST_SHOWN = 80;

const wrong = (field: string, expected: string, got: unknown): string =>
  `${field}: expected ${expected}, got ${String(JSON.stringify(got)).slice(0, LONGEST_SHOWN)}`;

const isoTime = (ms: number): string => new Date(ms).toISOString();
