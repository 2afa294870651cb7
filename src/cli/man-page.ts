import packageJson from '../../package.json' with { type: 'json' };
import { COMMON_OPTIONS, type Command, flagName, type Options } from './command.ts';
import { EXITS } from './exit.ts';
import { USUAL_PATHS } from './find-switch.ts';
import { DESCRIPTION } from './program.ts';

/** The manual page, in the language of man(7). */
export function renderManPage(commands: readonly Command[]): string {
  const lines = [
    `.TH DATAPATHCTL 1 "" ${quoted(`datapathd ${packageJson.version}`)} "User Commands"`,
    '.SH NAME',
    'datapathctl \\- talk to a message switch',
    '.SH SYNOPSIS',
    ...paragraph('datapathctl COMMAND [ARGUMENT]... [OPTION]...'),
    '.SH DESCRIPTION',
    ...paragraph(DESCRIPTION),
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH COMMON OPTIONS',
    ...paragraph('Every command that talks to a switch has these as well.'),
    ...optionLines(COMMON_OPTIONS),
    '.SH EXIT STATUS',
    ...Object.values(EXITS).flatMap(({ code, meaning }) => ['.TP', `.B ${code}`, escaped(meaning)]),
    '.SH ENVIRONMENT',
    '.TP',
    '.B DATAPATHD_SWITCH_PATH',
    ...paragraph("The switch's socket, where --path does not name it."),
    '.SH FILES',
    ...['/etc/datapathd/datapathd.toml', ...USUAL_PATHS].flatMap((path) => [
      '.TP',
      `.I ${escaped(path)}`,
      escaped(fileDoc(path)),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

const fileDoc = (path: string): string =>
  path.endsWith('.toml')
    ? 'The configuration, where it says where the socket is: switch.path, sockets.directory, switch.mode.'
    : 'A socket that is looked for, in this order, when nothing names one.';

const commandLines = (command: Command): string[] => [
  `.SS ${quoted(synopsis(command))}`,
  ...paragraph(sentence(command.summary)),
  ...command.details.flatMap((text) => ['.PP', ...paragraph(text)]),
  ...Object.entries(command.arguments).flatMap(([name, { doc }]) => [
    '.TP',
    `.I ${escaped(name.toUpperCase())}`,
    escaped(doc),
  ]),
  ...optionLines(command.options),
  ...exampleLines(command.examples),
];

const exampleLines = (examples: readonly string[] | undefined): string[] =>
  examples === undefined
    ? []
    : ['.PP', 'For example:', '.PP', '.EX', ...examples.map((example) => escaped(`    ${example}`)), '.EE'];

/** `call QUEUE [METHOD] [PARAMS] [OPTION]...` */
export function synopsis({ name, arguments: named, options }: Command): string {
  const words = Object.entries(named).map(([argument, { optional, many }]) => {
    if (many === true) return `[${argument.toUpperCase()}]...`;
    return optional === true ? `[${argument.toUpperCase()}]` : argument.toUpperCase();
  });
  return [name, ...words, ...(Object.keys(options).length === 0 ? [] : ['[OPTION]...'])].join(' ');
}

const optionLines = (options: Options): string[] =>
  Object.entries(options).flatMap(([name, option]) => [
    '.TP',
    `.B ${escaped(optionWords(name, options))}`,
    escaped(`${option.doc}${defaultText(name, options)}`),
  ]);

/** `-v, --verbose` or `--timeout SECONDS` */
export function optionWords(name: string, options: Options): string {
  const option = options[name];
  if (option?.value !== undefined) return `${flagName(name)} ${option.value.toUpperCase()}`;
  return option?.short === undefined ? flagName(name) : `-${option.short}, ${flagName(name)}`;
}

export function defaultText(name: string, options: Options): string {
  const option = options[name];
  if (option?.value === undefined || option.default === undefined || option.default === '') return '';
  return ` (default: ${String(option.default)})`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const paragraph = (text: string): string[] => [escaped(text)];

/** Nothing in a text is a request or an escape, and a hyphen is one that can be copied. */
export const escaped = (text: string): string =>
  text.replace(/\\/g, '\\e').replace(/-/g, '\\-').replace(/^[.']/, '\\&$&');

const quoted = (text: string): string => `"${escaped(text).replace(/"/g, '\\(dq')}"`;
