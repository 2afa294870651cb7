import type { Command, Completion } from '../command.ts';
import { groupsOf, LIST_QUEUES, optionsOf } from './words.ts';

/** The completion for bash: a function that finds the command, and the place of the word in it. */
export function renderBash(commands: readonly Command[]): string {
  const options = commands.flatMap(optionsOf);
  const valued = [...new Set(options.filter(({ value }) => value !== undefined).map(({ flag }) => flag))];
  const groups = groupsOf(commands).filter(({ first }) => first !== '');
  return `# Completion of datapathctl for bash, made by: datapathctl completion bash
_datapathctl_queues() {
    # Names are anybody's: not for compgen -W, which would expand what is in them.
    local name
    while IFS= read -r name; do
        [[ $name == "$cur"* ]] && COMPREPLY+=("$(printf %q "$name")")
    done < <(${LIST_QUEUES})
}
_datapathctl() {
    local cur=\${COMP_WORDS[COMP_CWORD]} command='' place=0 option='' glued='' word
    COMPREPLY=()
    # bash makes three words of --path=/x, and of any other that has a = or a : in it.
    for word in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case "$word" in
            [=:]*)
                glued=1
                continue
                ;;
        esac
        if [ -n "$glued$option" ]; then
            glued='' option=''
            continue
        fi
        case "$command:$word" in
            *:${valued.join('|*:')}) option=$word ;;
            *:-*) ;;
            :*) command=$word ;;
${groups.map(({ first }) => `            ${first}:*) command="${first} $word" ;;`).join('\n')}
            *) place=$((place + 1)) ;;
        esac
    done
    case "$cur" in
        [=:]*) glued=1 cur='' ;;
    esac
    if [ -n "$glued$option" ]; then
        case "$option" in
${valueCases(commands).join('\n')}
        esac
        return
    fi
    case "$command:$cur" in
${commands.map((command) => `            ${quoted(command.name)}:-*) ${words(optionsOf(command).map(({ flag }) => flag))} ;;`).join('\n')}
        *) case "$command:$place" in
            :*) ${words(topWords(commands))} ;;
${groups.map(({ first, commands: members }) => `            ${first}:*) ${words(members.map(({ word }) => word))} ;;`).join('\n')}
${argumentCases(commands).join('\n')}
        esac ;;
    esac
}
complete -F _datapathctl datapathctl
`;
}

const quoted = (name: string): string => `'${name}'`;

/** The first words of all commands. */
const topWords = (commands: readonly Command[]): string[] => [
  ...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name)),
];

const words = (list: readonly string[]): string =>
  `mapfile -t COMPREPLY < <(compgen -W '${list.join(' ')}' -- "$cur")`;

function completed(completion: Completion): string {
  if (completion === 'file') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
  return completion === 'queue' ? '_datapathctl_queues' : words(completion);
}

/** An option takes the same wherever it is found. */
const valueCases = (commands: readonly Command[]): string[] => [
  ...new Set(
    commands
      .flatMap(optionsOf)
      .flatMap(({ flag, completion }) =>
        completion === undefined ? [] : [`            ${flag}) ${completed(completion)} ;;`],
      ),
  ),
];

const argumentCases = (commands: readonly Command[]): string[] =>
  commands.flatMap((command) =>
    Object.values(command.arguments).flatMap(({ completion }, place) =>
      completion === undefined
        ? []
        : [`            ${quoted(command.name)}:${place}) ${completed(completion)} ;;`],
    ),
  );
