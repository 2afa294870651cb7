import { asOneOf, asPair, asSeconds, asText, defineCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { Failure } from '../exit.ts';
import { SCRATCH } from '../plugin/scratch.ts';
import { cut, harmless, plural, span } from '../text.ts';

/** Commands for authors of plugins: they need no daemon. What runs scripts is loaded by them alone. */

const KINDS = ['volume', 'datapath'] as const;
const asKind = asOneOf(KINDS);

const LANGUAGES = ['python', 'sh'] as const;
const asLanguage = asOneOf(LANGUAGES);

export const DIRECTORY = { doc: 'the directory of the plugin', read: asText, completion: 'file' } as const;

export const TRIAL_OPTIONS = {
  kind: {
    doc: 'what the plugin is; by default as the folder around its directory is called',
    value: 'kind',
    read: asKind,
    completion: KINDS,
  },
  timeout: {
    doc: 'how long a script may take; by default as the configuration of datapathd says',
    value: 'seconds',
    read: asSeconds,
  },
  json: { doc: 'print JSON, for programs' },
  verbose: { doc: 'print what the scripts write on their standard error', short: 'v' },
} as const;

export const pluginLintCommand = defineCommand({
  name: 'plugin lint',
  summary: 'tell what is wrong with the directory of a plugin',
  details: [
    'Looked at are its name, the names and modes of its scripts, who owns and may write them, whether their interpreters are there, whether Plugin.Query answers with the fields that it must have and a version of SMAPIv3 that is known, whether the scripts are there that its features need, and the scripts without which no SR or disk can be used. Plugin.Query is run, and nothing else.',
    'The exit status is 1 when there is an error; warnings are none. No daemon is needed. Files have to belong to root or to who runs this: on a host, run it as datapathd runs.',
  ],
  examples: ['datapathctl plugin lint /usr/libexec/xapi-storage-script/volume/org.xen.xapi.storage.mine'],
  alone: true,
  arguments: { directory: DIRECTORY },
  options: TRIAL_OPTIONS,
  run: async ({ directory, kind, timeout }, context) => {
    const { openPlugin } = await import('../plugin/directory.ts');
    const { lint } = await import('../plugin/lint.ts');
    const alone = await openPlugin(directory, { kind, timeout, wrote: wrote(context) });
    const linted = await lint(alone).finally(() => alone.close());
    const { name, methods, query, milliseconds, problems } = linted;
    if (context.json) await context.printJson(linted);
    else {
      for (const { level, about, text } of problems) {
        await context.print(`${level}: ${harmless(`${about}: ${text}`)}\n`);
      }
      const answered =
        query === undefined ? '' : `, version ${query.version}, asked in ${span(milliseconds)}`;
      await context.print(
        `${harmless(`${linted.kind} plugin ${name}: ${plural(methods.length, 'script')}${answered}`)}\n`,
      );
    }
    const errors = problems.filter(({ level }) => level === 'error').length;
    if (errors > 0) throw new Failure('failed', `${plural(errors, 'error')}: mend what is said above`);
  },
});

/** Shows what scripts write, for who wants to see it. */
export const wrote =
  (context: Context): ((line: string) => void) =>
  (line) => {
    if (context.verbose) context.tell(harmless(line));
  };

export const pluginTestCommand = defineCommand({
  name: 'plugin test',
  summary:
    "lead an SR's and a volume's whole life with the scripts of a plugin, and print each call with its time",
  details: [
    'Volume plugin: the SR is made, probed, attached, looked at and renamed; a volume is made in it, changed, resized, copied both ways and destroyed; the SR is detached and attached between, and destroyed in the end. What is in the way is removed, also when a call fails. A plugin that has no SR.create uses the SR that device_config leads to, and only its own volumes are removed from it.',
    `Use a storage that nothing else is on: SR.create may format it. ${SCRATCH} in a value of --device-config stands for a new directory, which is removed in the end.`,
    'Datapath plugin: the disk of --uri is opened, attached, activated, deactivated, detached and closed, each step twice, as it may come again.',
    'Each answer is held against the interface and against what was asked before. The exit status is 1 when a call fails. Scripts that a plugin need not have are skipped. No daemon is needed.',
  ],
  examples: [
    `datapathctl plugin test ./volume/org.xen.xapi.storage.mine --device-config directory=${SCRATCH}`,
    'datapathctl plugin test ./datapath/mine --uri mine:///srv/disk.img --json',
  ],
  alone: true,
  arguments: { directory: DIRECTORY },
  options: {
    deviceConfig: {
      doc: 'a key of device_config; may be given several times',
      value: 'key=value',
      read: asPair,
      many: true,
    },
    uri: { doc: 'the disk, for a datapath plugin', value: 'uri', read: asText },
    domain: {
      doc: 'the domain that a datapath plugin is told',
      value: 'domain',
      read: asText,
      default: 'u0_test',
    },
    record: {
      doc: 'keep the calls in a new file, for plugin replay; it holds device_config',
      value: 'file',
      read: asText,
      completion: 'file',
    },
    ...TRIAL_OPTIONS,
  },
  run: async (given, context) => {
    const { testPlugin } = await import('../plugin/testing.ts');
    const print = async (line: string): Promise<void> => {
      if (!context.json) await context.print(`${harmless(line)}\n`);
    };
    const tested = await testPlugin(
      {
        ...given,
        configuration: Object.fromEntries(given.deviceConfig),
        wrote: wrote(context),
      },
      ({ method, outcome, milliseconds, reason }) =>
        print(
          `${outcome.padEnd(7)}  ${method.padEnd(22)}  ${span(milliseconds).padStart(9)}${reason === undefined ? '' : `  ${cut(reason, context.verbose ? Number.MAX_SAFE_INTEGER : LONGEST_REASON)}`}`,
        ),
    );
    if (context.json) await context.printJson(tested);
    const { failed, calls } = tested;
    if (failed > 0) throw new Failure('failed', `${failed} of ${plural(calls.length, 'call')} failed`);
    await print(
      `${plural(calls.length - tested.skipped, 'call')} made, none failed, ${tested.skipped} skipped`,
    );
  },
});

const LONGEST_REASON = 300;

export const pluginNewCommand = defineCommand({
  name: 'plugin new',
  summary: 'write a plugin that works, to begin with',
  details: [
    'It is one program, to which the methods are links. A volume plugin keeps volumes as sparse files in the directory that device_config names; a datapath plugin serves raw files. Both pass plugin lint and plugin test. Put the directory below plugins.root, or name that with --directory, and the daemon finds it.',
  ],
  examples: [
    'datapathctl plugin new volume org.xen.xapi.storage.mine',
    'datapathctl plugin new datapath mine --language sh --directory /usr/libexec/xapi-storage-script',
  ],
  alone: true,
  arguments: {
    kind: { doc: 'volume or datapath', read: asKind, completion: KINDS },
    name: { doc: 'the queue of a volume plugin, the URI scheme of a datapath plugin', read: asText },
  },
  options: {
    language: {
      doc: 'python or sh',
      value: 'language',
      read: asLanguage,
      default: 'python',
      completion: LANGUAGES,
    },
    directory: {
      doc: 'the folder of plugins, in which KIND/NAME is made',
      value: 'directory',
      read: asText,
      default: '.',
      completion: 'file',
    },
    json: TRIAL_OPTIONS.json,
  },
  run: async ({ kind, name, language, directory: root }, context) => {
    const { writeSkeleton } = await import('../plugin/skeleton.ts');
    const directory = writeSkeleton(kind, name, language, root);
    if (context.json) return context.printJson({ kind, name, directory });
    return context.print(`${directory} is written: datapathctl plugin lint ${directory} looks at it\n`);
  },
});
