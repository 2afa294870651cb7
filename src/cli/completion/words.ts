import { allOptions, type Command, type Completion, flagName } from '../command.ts';

/** What the completions of all shells are made of. */

/** What each shell asks for the names of queues. */
export const LIST_QUEUES = 'datapathctl list --all 2>/dev/null';

export interface OptionWords {
  readonly flag: string;
  readonly short: string | undefined;
  readonly doc: string;
  /** The name of its value, where it has one. */
  readonly value: string | undefined;
  readonly completion: Completion | undefined;
}

export const optionsOf = (command: Command): OptionWords[] => [
  ...Object.entries(allOptions(command)).map(([name, option]) => ({
    flag: flagName(name),
    short: option.value === undefined ? option.short : undefined,
    doc: option.doc,
    value: option.value,
    completion: option.value === undefined ? undefined : option.completion,
  })),
  { flag: '--help', short: 'h', doc: 'print help', value: undefined, completion: undefined },
];

export interface Group {
  /** The first of two words; empty for commands of one. */
  readonly first: string;
  readonly commands: readonly { readonly word: string; readonly command: Command }[];
}

/** The commands by the first of their two words, those of one word under ''. */
export function groupsOf(commands: readonly Command[]): Group[] {
  const groups = new Map<string, { word: string; command: Command }[]>();
  for (const command of commands) {
    const words = command.name.split(' ');
    const word = words.pop() ?? command.name;
    const first = words.join(' ');
    groups.set(first, [...(groups.get(first) ?? []), { word, command }]);
  }
  return [...groups].map(([first, members]) => ({ first, commands: members }));
}
