import { Command as Parser } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { allOptions, type Command, flagName, type Option, type Options, type Read } from './command.ts';
import type { CommonOptions } from './context.ts';
import { EXIT_SUMMARY } from './exit.ts';

/** What is done when a command was read. */
export type Run = (
  command: Command,
  given: Readonly<Record<string, unknown>>,
  common: CommonOptions,
) => Promise<void>;

export const DESCRIPTION = 'Talks to datapathd, and to any message switch of xapi.';

/** The command-line parser, made from the table. */
export function buildParser(
  commands: readonly Command[],
  groups: Readonly<Record<string, string>>,
  run: Run,
): Parser {
  const program = new Parser('datapathctl')
    .description(DESCRIPTION)
    .version(packageJson.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', `\nExit status: ${EXIT_SUMMARY}.\n${EXAMPLES}`)
    .configureOutput({ outputError: (text, write) => write(`datapathctl: ${oneLine(text)}\n`) })
    .exitOverride();
  const parents = new Map(
    Object.entries(groups).map(([name, doc]) => [name, program.command(name).description(doc)]),
  );
  for (const command of commands) {
    const words = command.name.split(' ');
    const name = words.pop() ?? command.name;
    addCommand(parents.get(words.join(' ')) ?? program, name, command, run);
  }
  return program;
}

const EXAMPLES = `
Examples:
  datapathctl status
  datapathctl tail --follow
  datapathctl call org.xen.xapi.datapath Plugin.ls '{"dbg":"me"}' --timeout 5

datapathctl man | man -l - tells all of it.
`;

/** `error: unknown option '--x'`, and perhaps a line with a guess: with what to do about it. */
const oneLine = (text: string): string =>
  `${text
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')}; see datapathctl --help`;

function addCommand(parent: Parser, name: string, command: Command, run: Run): void {
  const parser = parent.command(name).description(command.summary);
  if (command.alias !== undefined) parser.alias(command.alias);
  if (command.examples !== undefined) {
    parser.addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`);
  }
  for (const [argument, { doc, read, optional, many }] of Object.entries(command.arguments)) {
    if (many === true) parser.argument(`[${argument}...]`, doc, collecting(read));
    else parser.argument(optional === true ? `[${argument}]` : `<${argument}>`, doc, (word) => read(word));
  }
  for (const [option, definition] of Object.entries(allOptions(command))) {
    addOption(parser, option, definition);
  }
  parser.action(async () => {
    const { path, config, json, verbose, debug, ...options } = parser.opts<Partial<CommonOptions>>();
    const words = Object.entries(command.arguments).map(([argument, { many }], index) => [
      argument,
      parser.processedArgs[index] ?? (many === true ? [] : undefined),
    ]);
    const given = { ...absent(command.options), ...options, ...Object.fromEntries(words) };
    await run(command, given, {
      path,
      config,
      json: json ?? false,
      verbose: verbose ?? false,
      debug: debug ?? false,
    });
  });
}

/** Reads one word of several. */
const collecting =
  (read: Read<unknown>) =>
  (word: string, before: readonly unknown[] | undefined): readonly unknown[] => [
    ...(before ?? []),
    read(word),
  ];

/** What options are that were not given: a flag is false. */
const absent = (options: Options): object =>
  Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      option.value === undefined ? false : (option.default ?? (option.many === true ? [] : undefined)),
    ]),
  );

function addOption(parser: Parser, name: string, option: Option): void {
  const flag = flagName(name);
  if (option.value === undefined) {
    parser.option(option.short === undefined ? flag : `-${option.short}, ${flag}`, option.doc);
  } else {
    const { value, doc, read, many } = option;
    if (many === true) {
      parser.option(`${flag} <${value}>`, doc, collecting(read));
      return;
    }
    // Only for the help, in which nobody wants to read of an empty text.
    const shown = option.default === '' ? undefined : option.default;
    parser.option(`${flag} <${value}>`, doc, (word) => read(word), shown);
  }
}
