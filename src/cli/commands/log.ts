import { InvalidArgumentError } from 'commander';
import { LEVELS, type Level, parseDuration, SUBSYSTEMS, type Subsystem } from '../../config.ts';
import type { LevelReport } from '../../storage/daemon-monitoring.ts';
import type { Struct } from '../../wire/value.ts';
import { asSeconds, asText, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { type Context, refusalText, withConnection } from '../context.ts';
import { withDaemon } from '../daemon.ts';
import { Failure } from '../exit.ts';
import { harmless, table } from '../text.ts';

/** What is meant: a part of the daemon or all of it, and the level that it is to have, if any. */
interface Meant {
  readonly subsystem: Subsystem | undefined;
  readonly level: Level | undefined;
}

export const logLevelCommand = defineCommand({
  name: 'log level',
  summary: 'show what is logged of which part of the daemon, and change it for a while',
  details: [
    `Without anything it shows the levels as they are. The parts are ${SUBSYSTEMS.join(', ')}; the levels are ${LEVELS.join(', ')}.`,
    'A change ends after --for, or with a restart or a reload of the daemon, or with --reset. Each change is logged, with who asked for it. For good there are the settings log.level and log.levels.',
    "On the switch's socket root, the daemon's own user and who may configure by switch.policy may change levels. A daemon whose queues are served on another switch is asked through its datapath queue, as is one that --queue names: there all may who may call it.",
  ],
  examples: [
    'datapathctl log level',
    'datapathctl log level xenstore=debug --for 10m',
    'datapathctl log level debug --for 30s',
    'datapathctl log level --reset',
  ],
  arguments: {
    what: {
      doc: 'subsystem=level, or a level for all; a subsystem with --reset',
      read: asMeant,
      optional: true,
      completion: [...LEVELS, ...SUBSYSTEMS],
    },
  },
  options: {
    for: {
      doc: 'after which time it is again as the settings say: 30s, 10m, 1h, or a number of seconds',
      value: 'duration',
      read: asDuration,
    },
    reset: { doc: 'take changes back: levels are as the settings say' },
    queue: {
      doc: "ask through this queue: that of the daemon's datapath service",
      value: 'queue',
      read: asText,
      completion: 'queue',
    },
    timeout: { ...DAEMON_OPTIONS.timeout, read: asSeconds },
  },
  run: async ({ what, reset, for: seconds, queue, timeout }, context) => {
    const change = readChange(what, reset, seconds);
    const levels =
      (queue === undefined ? await overHttp(context, change) : undefined) ??
      (await throughQueue(context, change, { queue: queue ?? DAEMON_OPTIONS.queue.default, timeout }));
    if (context.json) return context.printJson(levels);
    const rows = levels.map((each) => [harmless(each.subsystem), harmless(each.level), noteOf(each)]);
    return context.print(table([['SUBSYSTEM', 'LEVEL', ''], ...rows]));
  },
});

function asMeant(word: string): Meant {
  const [name = '', level = '', ...rest] = word.split('=');
  const isPair = word.includes('=');
  const subsystem = SUBSYSTEMS.find((each) => each === name);
  const to = LEVELS.find((each) => each === (isPair ? level : name));
  const isKnown = isPair ? subsystem !== undefined && to !== undefined : (subsystem ?? to) !== undefined;
  if (isKnown && rest.length === 0) return { subsystem, level: to };
  throw new InvalidArgumentError(
    `expected a level (${LEVELS.join(', ')}), or subsystem=level with one of ${SUBSYSTEMS.join(', ')}.`,
  );
}

function asDuration(word: string): number {
  const parsed = parseDuration(word, 1);
  if (parsed.type === 'value') return parsed.value / 1000;
  throw new InvalidArgumentError('expected a duration such as 30s, 10m or 1h.');
}

/** What is sent; nothing: levels are only shown. */
function readChange(
  { subsystem, level }: Meant = { subsystem: undefined, level: undefined },
  reset: boolean,
  seconds: number | undefined,
): Struct | undefined {
  if (reset && (level !== undefined || seconds !== undefined))
    throw new Failure('usage', '--reset: expected neither a level nor --for');
  if (!reset && seconds !== undefined && level === undefined)
    throw new Failure('usage', '--for: expected a level that is to hold for that time, as in xenstore=debug');
  if (!reset && subsystem !== undefined && level === undefined)
    throw new Failure('usage', `${subsystem}: expected a level, as in ${subsystem}=debug, or --reset`);
  if (!reset && level === undefined) return undefined;
  return {
    ...(subsystem === undefined ? {} : { subsystem }),
    ...(level === undefined ? {} : { level }),
    ...(seconds === undefined ? {} : { seconds }),
  };
}

/** Nothing: the switch is none of a datapathd that knows this. */
const overHttp = (context: Context, change: Struct | undefined): Promise<LevelReport[] | undefined> =>
  withConnection(context, undefined, async (connection) => {
    const { status, body } =
      change === undefined
        ? await connection.ask('GET', '/log')
        : await connection.ask('POST', '/log', JSON.stringify(change));
    switch (status) {
      case 200:
        return readLevels(body);
      case 404:
        return undefined;
      default:
        throw new Failure('failed', refusalText(status, body));
    }
  });

async function readLevels(body: Buffer): Promise<LevelReport[]> {
  const { checker } = await import('../../rpc/validate.ts');
  const { DatapathdInterface } = await import('../../storage/daemon-interface.ts');
  const { schema } = DatapathdInterface.methods.log_levels.result;
  const checked = checker(schema, 'levels')(JSON.parse(body.toString()));
  if (checked.type === 'valid') return checked.value;
  throw new Failure('failed', `the daemon answers in another way: ${checked.reason}`);
}

const throughQueue = (
  context: Context,
  change: Struct | undefined,
  ways: { readonly queue: string; readonly timeout: number },
): Promise<LevelReport[]> =>
  withDaemon(context, ways, (daemon) =>
    change === undefined ? daemon.datapathd('log_levels') : daemon.datapathd('set_log_level', change),
  );

/** What is to be known of a level that is not that of the settings. */
function noteOf({ level, configured, until }: LevelReport): string {
  if (until !== undefined) return `until ${harmless(until)}, then ${harmless(configured)}`;
  return level === configured ? '' : `until a restart or a reload, then ${harmless(configured)}`;
}
