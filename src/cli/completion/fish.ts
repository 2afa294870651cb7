import type { Command, Completion } from '../command.ts';
import { type Group, groupsOf, LIST_QUEUES, optionsOf } from './words.ts';

/** The completion for fish: a line a word, and a function that says where it may stand. */
export function renderFish(commands: readonly Command[]): string {
  const options = commands.flatMap(optionsOf);
  const valued = [...new Set(options.filter(({ value }) => value !== undefined).map(({ flag }) => flag))];
  const lines = groupsOf(commands).flatMap(groupLines);
  const groups = groupsOf(commands).filter(({ first }) => first !== '');
  return `# Completion of datapathctl for fish, made by: datapathctl completion fish
# Whether the words begin so, and with a number, whether as many follow. Options and their values are no words.
function ${AT}
    set -l words
    set -l skip
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip
        else if contains -- $word ${valued.join(' ')}
            set skip yes
        else if not string match -q -- '-*' $word
            set -a words $word
        end
    end
    set -l wanted (string split -n ' ' -- $argv[1])
    for word in $wanted
        test "$words[1]" = $word; or return 1
        set -e words[1]
    end
    test (count $argv) -eq 1; or test (count $words) -eq $argv[2]
end
complete -c datapathctl -f
${[...groups.map(({ first }) => line(at('', 0), `-a ${first}`, '')), ...lines].join('\n')}
`;
}

const AT = '__datapathctl_at';

const at = (words: string, place?: number): string =>
  `${AT} "${words}"${place === undefined ? '' : ` ${place}`}`;

const groupLines = ({ first, commands }: Group): string[] =>
  commands.flatMap(({ word, command }) => [
    line(at(first, 0), `-a ${word}`, command.summary),
    ...commandLines(command),
  ]);

const commandLines = (command: Command): string[] => [
  ...optionsOf(command).map(({ flag, short, doc, value, completion }) => {
    const names = `${short === undefined ? '' : `-s ${short} `}-l ${flag.slice(2)}`;
    return line(at(command.name), value === undefined ? names : `${names} -r ${candidates(completion)}`, doc);
  }),
  ...Object.values(command.arguments).flatMap(({ completion, doc }, place) =>
    completion === undefined ? [] : [line(at(command.name, place), candidates(completion), doc)],
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
