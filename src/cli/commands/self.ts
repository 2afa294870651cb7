import { InvalidArgumentError } from 'commander';
import { type Command, defineCommand } from '../command.ts';
import { renderBash } from '../completion/bash.ts';
import { renderFish } from '../completion/fish.ts';
import { renderZsh } from '../completion/zsh.ts';
import { renderManPage } from '../man-page.ts';

/** Commands that print what is made from the table of commands. */

const SHELLS = {
  bash: renderBash,
  zsh: renderZsh,
  fish: renderFish,
} as const;

const NAMES = ['bash', 'zsh', 'fish'] as const;

function asShell(word: string): (typeof NAMES)[number] {
  const shell = NAMES.find((name) => name === word);
  if (shell === undefined) throw new InvalidArgumentError(`expected ${NAMES.join(', ')}.`);
  return shell;
}

export const completionCommand = (commands: () => readonly Command[]): Command =>
  defineCommand({
    name: 'completion',
    summary: 'print what completes datapathctl in a shell',
    details: ['Queues are completed with the names that the switch has.'],
    examples: [
      'datapathctl completion bash > /etc/bash_completion.d/datapathctl',
      'datapathctl completion zsh > /usr/local/share/zsh/site-functions/_datapathctl',
      'datapathctl completion fish > ~/.config/fish/completions/datapathctl.fish',
    ],
    arguments: { shell: { doc: 'bash, zsh or fish', read: asShell, completion: NAMES } },
    options: {},
    alone: true,
    run: ({ shell }, context) => context.print(SHELLS[shell](commands())),
  });

export const manCommand = (commands: () => readonly Command[]): Command =>
  defineCommand({
    name: 'man',
    summary: 'print the manual page, for man -l -',
    details: [],
    examples: ['datapathctl man | man -l -', 'datapathctl man > datapathctl.1'],
    arguments: {},
    options: {},
    alone: true,
    run: (_given, context) => context.print(renderManPage(commands())),
  });
