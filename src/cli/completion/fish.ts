import type { Command, Completion } from '../command.ts';
import { type Group, groupsOf, LIST_QUEUES, optionsOf } from './words.ts';

/** The completion for fish: a line a word. */
export function renderFish(commands: readonly Command[]): string {
  const groups = groupsOf(commands);
  const lines = groups.flatMap((group) => groupLines(group, groups));
  return `# Completion of datapathctl for fish, made by: datapathctl completion fish
complete -c datapathctl -f
${lines.join('\n')}
`;
}

const SEEN = '__fish_seen_subcommand_from';

function groupLines({ first, commands }: Group, groups: readonly Group[]): string[] {
  const words = commands.map(({ word }) => word);
  const choosing =
    first === '' ? '__fish_use_subcommand' : `${SEEN} ${first}; and not ${SEEN} ${words.join(' ')}`;
  const nested = first === '' ? groups.map((group) => group.first).filter((name) => name !== '') : [];
  return [
    ...nested.map((name) => line(choosing, `-a ${name}`, '')),
    ...commands.flatMap(({ word, command }) => [
      line(choosing, `-a ${word}`, command.summary),
      ...commandLines(command, first === '' ? `${SEEN} ${word}` : `${SEEN} ${first}; and ${SEEN} ${word}`),
    ]),
  ];
}

const commandLines = (command: Command, condition: string): string[] => [
  ...optionsOf(command).map(({ flag, short, doc, value, completion }) => {
    const names = `${short === undefined ? '' : `-s ${short} `}-l ${flag.slice(2)}`;
    return line(condition, value === undefined ? names : `${names} -r ${candidates(completion)}`, doc);
  }),
  ...Object.values(command.arguments).flatMap(({ completion, doc }) =>
    completion === undefined ? [] : [line(condition, candidates(completion), doc)],
  ),
];

function candidates(completion: Completion | undefined): string {
  if (completion === undefined) return '-f';
  if (completion === 'file') return '-F';
  return completion === 'queue' ? `-f -a '(${LIST_QUEUES})'` : `-f -a '${completion.join(' ')}'`;
}

const line = (condition: string, what: string, doc: string): string =>
  `complete -c datapathctl -n '${condition}' ${what.trim()}${doc === '' ? '' : ` -d ${quoted(doc)}`}`;

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;
