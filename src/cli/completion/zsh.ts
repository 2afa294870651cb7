import type { Command, Completion } from '../command.ts';
import { type Group, groupsOf, LIST_QUEUES, type OptionWords, optionsOf } from './words.ts';

/** The completion for zsh: a function for each group of commands. */
export function renderZsh(commands: readonly Command[]): string {
  const groups = groupsOf(commands);
  const nested = groups.filter(({ first }) => first !== '');
  return `#compdef datapathctl
# Completion of datapathctl for zsh, made by: datapathctl completion zsh
_datapathctl_queues() {
    local -a queues
    queues=("\${(@f)$(${LIST_QUEUES})}")
    compadd -a queues
}
${nested.map((group) => groupFunction(group, [])).join('')}${groups
  .filter(({ first }) => first === '')
  .map((group) => groupFunction(group, nested))
  .join('')}
if [ "$funcstack[1]" = _datapathctl ]; then
    _datapathctl "$@"
else
    compdef _datapathctl datapathctl
fi
`;
}

const functionName = (first: string): string => (first === '' ? '_datapathctl' : `_datapathctl_${first}`);

function groupFunction({ first, commands }: Group, nested: readonly Group[]): string {
  return `${functionName(first)}() {
    local context state state_descr line
    typeset -A opt_args
    local -a commands
    commands=(
${commands.map(({ word, command }) => `        ${single(`${word}:${command.summary.replace(/:/g, '\\:')}`)}`).join('\n')}
${nested.map((group) => `        ${single(group.first)}\n`).join('')}    )
    _arguments -C '1:command:->command' '*::argument:->argument'
    case $state in
        command) _describe command commands ;;
        argument) case $line[1] in
${commands.map(({ word, command }) => `            ${word}) _arguments ${specs(command).join(' ')} ;;`).join('\n')}
${nested.map((group) => `            ${group.first}) ${functionName(group.first)} ;;\n`).join('')}        esac ;;
    esac
}
`;
}

const specs = (command: Command): string[] => [
  ...optionsOf(command).flatMap(optionSpecs),
  ...Object.entries(command.arguments).map(([name, { optional, many, completion }], index) => {
    const place = many === true ? '*' : index + 1;
    return single(`${place}${optional === true ? '::' : ':'}${name}:${action(completion)}`);
  }),
];

function optionSpecs({ flag, short, doc, value, completion }: OptionWords): string[] {
  const shown = `[${doc.replace(/[[\]\\:]/g, '\\$&')}]`;
  if (value !== undefined) return [single(`${flag}=${shown}:${value}:${action(completion)}`)];
  return [flag, ...(short === undefined ? [] : [`-${short}`])].map((name) => single(`${name}${shown}`));
}

function action(completion: Completion | undefined): string {
  if (completion === undefined) return ' ';
  if (completion === 'file') return '_files';
  return completion === 'queue' ? '_datapathctl_queues' : `(${completion.join(' ')})`;
}

const single = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;
