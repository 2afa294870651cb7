import { CommanderError, type Command as Parser } from 'commander';
import { COMMANDS, GROUPS } from '../../src/cli/commands.ts';
import { buildParser } from '../../src/cli/program.ts';
import { SPANS, type Span } from './markdown.ts';
import { UNRUN_LINES } from './runs.ts';

/** Commands that stand within the lines of a page, in its prose and its tables. */

/** Words that begin a command. */
const PROGRAMS = [
  ...[
    'datapathctl',
    'datapathd',
    'systemctl',
    'journalctl',
    'systemd-analyze',
    'npm',
    'npx',
    'node',
    'apt',
    'apt-get',
  ],
  ...[
    'dpkg',
    'rpm',
    'dnf',
    'yum',
    'curl',
    'socat',
    'ssh',
    'cp',
    'mkdir',
    'rm',
    'ss',
    'perf',
    'promtool',
    'lintian',
  ],
  ...[
    'xenstore-write',
    'xenstore-rm',
    'xenstore-ls',
    'bash',
    'sh',
    'git',
    'python3',
    'qemu-img',
    'man',
    'strace',
  ],
];

/** Only the name of a command of datapathctl, or of a group of them. */
const NAMES = new Set([...COMMANDS.map(({ name }) => name), ...Object.keys(GROUPS)]);
const isName = (text: string): boolean => NAMES.has(text.replace(/^datapathctl /, ''));

/**
 * What is no command to be typed as it stands: a program alone, a part of a command (with an ellipsis), a verb without what
 * it is done to, the name of a command that needs more.
 */
const isMention = (text: string): boolean =>
  !text.includes(' ') ||
  text.includes('…') ||
  /^systemctl [a-z-]+$/.test(text) ||
  (isName(text) && faultOf(text) !== undefined);

/** The commands that stand in lines, each text once, where it stands first. */
export const IN_LINES: readonly Span[] = SPANS.filter(
  ({ text }, index) =>
    PROGRAMS.includes(text.split(' ')[0] ?? '') &&
    !isMention(text) &&
    SPANS.findIndex((other) => other.text === text) === index,
);

/** Those that are run, which is on a host. */
export const RUN_LINES: readonly Span[] = IN_LINES.filter(
  ({ text }) => !Object.keys(UNRUN_LINES).some((begin) => text.startsWith(begin)),
);

/** Why datapathctl would not take a command; none: it would. */
export function faultOf(text: string): string | undefined {
  const [words = ''] = text.split(/ (?:[|>;#]|&&) ?/);
  const parser = quiet(buildParser(COMMANDS, GROUPS, async () => {}));
  try {
    parser.parse(wordsOf(words).slice(1), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.message;
  }
  return undefined;
}

function quiet(parser: Parser): Parser {
  parser.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  for (const command of parser.commands) quiet(command.exitOverride());
  return parser;
}

/** The words of a command as a shell has them, as far as pages need it. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replaceAll(/['"]/g, ''));
}
