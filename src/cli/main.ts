#!/usr/bin/env node
import { CommanderError } from 'commander';
import { COMMANDS, GROUPS } from './commands.ts';
import { createContext } from './context.ts';
import { EXITS, Failure } from './exit.ts';
import { buildParser } from './program.ts';
import { harmless } from './text.ts';

// Who read our output has seen enough: `datapathctl tail | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXITS.done.code);
  process.stderr.write(`datapathctl: the output cannot be written: ${error.message}\n`);
  process.exit(EXITS.failed.code);
});

const parser = buildParser(COMMANDS, GROUPS, (command, given, common) =>
  command.run(given, createContext(common)),
);

try {
  await parser.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // It has said everything already; what it calls a failure is words that it can't read.
    process.exitCode = error.exitCode === 0 ? EXITS.done.code : EXITS.usage.code;
  } else if (error instanceof Failure) {
    process.stderr.write(`datapathctl: ${harmless(error.message)}\n`);
    process.exitCode = error.code;
  } else {
    throw error;
  }
}
