import { setTimeout as pause } from 'node:timers/promises';
import type { RecordedCall } from '../../storage/daemon-interface.ts';
import type { PluginAlone } from '../../storage/plugins/alone.ts';
import { JsonFailure } from '../../wire/json.ts';
import { isStruct, type Value } from '../../wire/value.ts';
import { asCount, asText, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { withDaemon } from '../daemon.ts';
import { Failure } from '../exit.ts';
import { createRecording, type KeptCall, parseText, readRecording } from '../plugin/recording.ts';
import type { Replayed } from '../plugin/replay.ts';
import { withScratch } from '../plugin/scratch.ts';
import { harmless, plural, span } from '../text.ts';
import { PLUGIN_NAME, pluginsNamed } from './plugin.ts';
import { DIRECTORY, TRIAL_OPTIONS, wrote } from './plugin-check.ts';

/** Commands that keep the calls of a plugin's scripts, and make them again. */

/** How often the daemon is asked for calls: ms. It keeps them for much longer. */
const INTERVAL_MS = 500;

export const pluginRecordCommand = defineCommand({
  name: 'plugin record',
  summary: "keep the calls that a daemon makes of a plugin's scripts, with their answers, until Ctrl-C",
  details: [
    'They are the real ones, such as xapi has them made. Each is written to a new file when it has ended, a line of JSON each: method, params, outcome, answer, milliseconds. The daemon keeps them only while this runs.',
    'The file holds all that the scripts are given, passwords in device_config too: only its owner may read it.',
    'Without a daemon, plugin test --record keeps the calls that it makes itself.',
  ],
  examples: ['datapathctl plugin record org.xen.xapi.storage.mine calls.jsonl'],
  arguments: {
    name: PLUGIN_NAME,
    file: { doc: 'the file to make', read: asText, completion: 'file' },
  },
  options: {
    kind: {
      ...TRIAL_OPTIONS.kind,
      doc: 'what the plugin is, where a queue and a scheme have the same name',
    },
    count: { doc: 'end after so many calls', value: 'number', read: asCount },
    ...DAEMON_OPTIONS,
  },
  run: ({ name, file, kind: wanted, count = Number.POSITIVE_INFINITY, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const kinds = (await pluginsNamed(daemon, name)).map(({ kind }) => kind);
      const [kind, second] = wanted === undefined ? kinds : [wanted];
      if (kind === undefined || second !== undefined) {
        throw new Failure('usage', `${name} is a volume and a datapath plugin: say with --kind which`);
      }
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      process.once('SIGTERM', () => stop.abort());
      const ask = (after: number) => daemon.datapathd('record', { kind, name, after });
      // Calls are kept from now on.
      await ask(0);
      const keep = createRecording(file);
      context.tell(`the calls of ${harmless(name)} go to ${file}: Ctrl-C ends it`);
      let lost = 0;
      let kept = 0;
      let after = 0;
      while (kept < count) {
        // Asked before the end, the daemon may not have told of a call that ended before it.
        const isLast = stop.signal.aborted;
        const recorded = await ask(after);
        for (const call of recorded.calls.slice(0, count - kept)) {
          keep(keptCall(call));
          kept += 1;
        }
        after = recorded.calls.at(-1)?.number ?? after;
        lost = recorded.lost;
        if (isLast || kept >= count) break;
        await pause(INTERVAL_MS, undefined, { signal: stop.signal }).catch(() => {});
      }
      if (lost > 0) context.tell(`${plural(lost, 'call')} are missing: there were too many at a time`);
      if (context.json) await context.printJson({ plugin: name, kind, file, calls: kept, lost });
      else await context.print(`${plural(kept, 'call')} kept in ${harmless(file)}\n`);
    }),
});

function keptCall({ method, params, outcome, answer, milliseconds }: RecordedCall): KeptCall {
  const given = parsed(params);
  return {
    method,
    params: isStruct(given) ? given : {},
    outcome,
    answer: outcome === 'failed' ? answer : parsed(answer),
    milliseconds,
  };
}

function parsed(text: string): Value {
  const value = parseText(text);
  if (!(value instanceof JsonFailure)) return value;
  throw new Failure('failed', `the daemon has recorded what is no JSON: ${value.reason}`);
}

export const pluginReplayCommand = defineCommand({
  name: 'plugin replay',
  summary: 'make recorded calls again with the scripts in a directory, and tell which answers differ',
  details: [
    'The calls are really made, one after the other: use a storage that nothing else is on. Handles of SRs, and keys and URIs of volumes, which a script names anew, stand in later calls as they are named now, and a scratch directory of plugin test is made anew.',
    'The exit status is 1 when a call that was answered now fails, or the other way round, or fails with another error. Other differences of answers, such as free space, are only shown; with --strict they count as well. No daemon is needed.',
  ],
  examples: ['datapathctl plugin replay calls.jsonl ./volume/org.xen.xapi.storage.mine'],
  alone: true,
  arguments: {
    file: { doc: 'what plugin record or plugin test --record has kept', read: asText, completion: 'file' },
    directory: DIRECTORY,
  },
  options: { strict: { doc: 'any other answer is a failure' }, ...TRIAL_OPTIONS },
  run: ({ file, directory, strict, ...given }, context) =>
    withScratch(async (scratch) => {
      const calls = readRecording(file, scratch);
      const { openPlugin } = await import('../plugin/directory.ts');
      const alone = await openPlugin(directory, { ...given, wrote: wrote(context) });
      try {
        await replayAll(alone, calls, strict, context);
      } finally {
        await alone.close();
      }
    }),
});

async function replayAll(
  alone: PluginAlone,
  calls: readonly KeptCall[],
  strict: boolean,
  context: Context,
): Promise<void> {
  const { replay } = await import('../plugin/replay.ts');
  const query = await alone.query();
  if ('refused' in query) throw new Failure('failed', `the plugin can't be used: ${query.refused}`);
  const { name, kind } = query.plugin;
  const replayed = await replay(query.plugin, calls, async (call) => {
    if (!context.json) await context.print(replayedText(call));
  });
  const bad = replayed.filter(({ outcome }) => outcome === 'failed' || (strict && outcome === 'differs'));
  if (context.json) await context.printJson({ plugin: name, kind, failed: bad.length, calls: replayed });
  const all = plural(replayed.length, 'call');
  if (bad.length > 0) throw new Failure('failed', `${bad.length} of ${all} came out otherwise`);
  if (!context.json) await context.print(`${all} made, none came out otherwise\n`);
}

function replayedText({ method, outcome, milliseconds, before, differences }: Replayed): string {
  const times = `${span(milliseconds).padStart(9)}, then ${span(before)}`;
  const lines = differences.map((difference) => `         ${harmless(difference)}\n`);
  return `${outcome.padEnd(7)}  ${harmless(method).padEnd(22)}  ${times}\n${lines.join('')}`;
}
