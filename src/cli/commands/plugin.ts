import type { PluginReport } from '../../storage/daemon-interface.ts';
import { JsonFailure, writeJson } from '../../wire/json.ts';
import { isStruct, type Struct, type Value } from '../../wire/value.ts';
import { asText, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { type Daemon, errorText, printValue, withDaemon } from '../daemon.ts';
import { Failure } from '../exit.ts';
import { factsText, listText } from '../facts.ts';
import { parseText } from '../plugin/recording.ts';
import { harmless, harmlessLines, table } from '../text.ts';

/** Commands about the plugins of a daemon. */

export const PLUGIN_NAME = {
  doc: 'the queue of a volume plugin, or the scheme of a datapath plugin',
  read: asText,
} as const;

export const pluginListCommand = defineCommand({
  name: 'plugin list',
  summary: 'list the plugins that the daemon has found, and whether it uses them',
  details: [
    'registered: it is used. kept: one from before is used, as what is in its directory now is refused. refused: nothing of it is used. pending: it has not answered Plugin.Query yet. Behind it stand the reason, and what the daemon warns of.',
  ],
  arguments: {},
  options: DAEMON_OPTIONS,
  run: (given, context) =>
    withDaemon(context, given, async (daemon) => {
      const plugins = await daemon.datapathd('plugins');
      if (context.json) return context.printJson(plugins);
      if (plugins.length === 0)
        return context.print('there are no plugins: plugins.root says where they are\n');
      const rows = plugins.map((plugin) => [
        plugin.kind,
        harmless(plugin.name),
        plugin.state,
        harmless(plugin.version ?? ''),
        `${plugin.running}`,
        `${plugin.waiting}`,
        harmless(notesOf(plugin).join('; ')),
      ]);
      const head = ['KIND', 'NAME', 'STATE', 'VERSION', 'RUNNING', 'WAITING', 'NOTES'];
      return context.print(table([head, ...rows], [4, 5]));
    }),
});

const notesOf = ({ reason, warnings }: PluginReport): string[] => [
  ...(reason === undefined ? [] : [reason]),
  ...warnings,
];

export const pluginShowCommand = defineCommand({
  name: 'plugin show',
  summary: 'tell of one plugin what it is, what it can do, and why it is not used',
  details: ['A queue and a URI scheme may have the same name: then both are shown.'],
  arguments: { name: PLUGIN_NAME },
  options: DAEMON_OPTIONS,
  run: ({ name, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const plugins = await pluginsNamed(daemon, name);
      if (context.json) return context.printJson(plugins);
      return context.print(plugins.map(pluginText).join('\n'));
    }),
});

function pluginText(plugin: PluginReport): string {
  const { configuration = {}, warnings } = plugin;
  return [
    factsText([
      ['name', plugin.name],
      ['kind', plugin.kind],
      ['directory', plugin.directory],
      ['state', plugin.state],
      ['reason', plugin.reason ?? ''],
      ['since', plugin.since ?? ''],
      ['version', plugin.version ?? ''],
      ['API version', plugin.required_api_version ?? ''],
      ['description', plugin.description ?? ''],
      ['features', plugin.features.join(', ')],
      ['scripts', plugin.methods.join(', ')],
      ['running', `${plugin.running}, ${plugin.waiting} waiting, ${plugin.workers} workers`],
    ]),
    listText(
      'device_config',
      Object.entries(configuration).map(([key, doc]) => `${key}: ${doc}`),
    ),
    listText('warnings', warnings),
  ].join('');
}

/** The plugins of that name. Rejects with a `Failure` when there is none. */
export async function pluginsNamed(daemon: Daemon, name: string): Promise<PluginReport[]> {
  const found = (await daemon.datapathd('plugins')).filter((plugin) => plugin.name === name);
  if (found.length > 0) return found;
  throw new Failure('failed', `there is no plugin ${name}: datapathctl plugin list tells which there are`);
}

export const pluginCallCommand = defineCommand({
  name: 'plugin call',
  summary: "call a method of a plugin's through the daemon, and print what it answers",
  details: [
    'A volume plugin is called on its own queue: SR.* (SMAPIv3), Volume.* and Plugin.*. A method of a datapath plugin, Datapath.* or Data.*, is called on the datapath queue, and the uri that is given must be of its scheme.',
    'Params are key=value, for texts, or key:=JSON, for all else, or one JSON object for all of them. dbg need not be given.',
    'The exit status is 1 when the answer is an error; with --json that is printed, too.',
  ],
  examples: [
    'datapathctl plugin call org.xen.xapi.storage.rawfiles SR.ls sr=/srv/disks',
    'datapathctl plugin call org.xen.xapi.storage.rawfiles Volume.resize sr=/srv/disks key=6ef2f31c-0b7a-4d8e-9a0e-2f4c5b6d7e80 new_size:=1073741824',
    `datapathctl plugin call raw+file Datapath.attach '{"uri":"raw+file:///srv/disk.img","domain":"0"}'`,
  ],
  arguments: {
    name: PLUGIN_NAME,
    method: { doc: 'the method, such as SR.ls', read: asText },
    params: { doc: 'key=value, key:=JSON, or a JSON object', read: asText, many: true },
  },
  options: DAEMON_OPTIONS,
  run: ({ name, method, params: words, ...given }, context) => {
    const params = namedParams(words);
    return withDaemon(context, given, async (daemon) => {
      const plugins = await pluginsNamed(daemon, name);
      const place = placeOf(plugins, method, params, given.queue);
      await called(context, daemon, name, method, place, params);
    });
  },
});

interface Place {
  readonly queue: string;
  /** As the queue has it. */
  readonly method: string;
}

/** Where a method of a plugin's is called. */
function placeOf(plugins: readonly PluginReport[], method: string, { uri }: Struct, queue: string): Place {
  const [group = ''] = method.split('.');
  const names = plugins.map(({ name }) => name);
  const kind = GROUPS[group.toLowerCase()];
  const plugin = plugins.find((each) => each.kind === kind);
  if (kind === undefined || plugin === undefined) {
    const kinds = plugins.map((each) => each.kind).join(' and ');
    throw new Failure(
      'failed',
      `${names[0]} is a ${kinds} plugin: ${method} can't be called on it through the daemon`,
    );
  }
  if (kind === 'volume') {
    // There SR.* is SMAPIv2's.
    return { queue: plugin.name, method: group.toLowerCase() === 'sr' ? `SMAPIv3.${method}` : method };
  }
  const scheme = typeof uri === 'string' ? uri.split(':')[0]?.toLowerCase() : undefined;
  if (scheme !== undefined && scheme !== plugin.name) {
    throw new Failure('usage', `uri: expected one of the scheme ${plugin.name}, got one of ${scheme}`);
  }
  return { queue, method };
}

const GROUPS: Readonly<Record<string, PluginReport['kind']>> = {
  ...{ sr: 'volume', volume: 'volume', plugin: 'volume' },
  ...{ datapath: 'datapath', data: 'datapath' },
};

async function called(
  context: Context,
  daemon: Daemon,
  plugin: string,
  method: string,
  place: Place,
  params: Struct,
): Promise<void> {
  const outcome = await daemon.call(place.queue, place.method, params);
  const { milliseconds } = outcome;
  if (outcome.type === 'result') {
    const { value } = outcome;
    return context.json
      ? printValue(context, { plugin, method, result: value, milliseconds })
      : context.print(`${harmlessLines(pretty(value))}\n`);
  }
  const { variant } = outcome;
  if (context.json) await printValue(context, { plugin, method, error: variant, milliseconds });
  else if (context.verbose) await context.print(`${harmless(writeJson(variant))}\n`);
  throw new Failure('failed', `${plugin} ${method}: ${errorText(variant)}`);
}

/** On several lines, with every digit. */
function pretty(value: Value): string {
  return JSON.stringify(
    value,
    (_name, inside: unknown) => (typeof inside === 'bigint' ? JSON.rawJSON(`${inside}`) : inside),
    2,
  );
}

/** The params of words: `key=value`, `key:=JSON`, or one JSON object. */
export function namedParams(words: readonly string[]): Struct {
  const [only = ''] = words;
  if (words.length === 1 && only.trimStart().startsWith('{')) {
    const value = parseText(only);
    if (!(value instanceof JsonFailure) && isStruct(value)) return value;
    throw new Failure('usage', `params: expected a JSON object such as '{"sr":"x"}', got ${only}`);
  }
  return Object.fromEntries(words.map(namedParam));
}

function namedParam(word: string): [name: string, value: Value] {
  const [, name, isJson, text = ''] = /^([^=:]+)(:?)=(.*)$/s.exec(word) ?? [];
  if (name === undefined)
    throw new Failure('usage', `params: expected key=value, key:=JSON or a JSON object, got ${word}`);
  if (isJson === '') return [name, text];
  const value = parseText(text);
  if (value instanceof JsonFailure)
    throw new Failure('usage', `params.${name}: expected JSON behind :=, got ${text}`);
  return [name, value];
}
