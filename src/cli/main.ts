#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type CallOutcome, call } from './call.ts';

/** The exit codes are the same for every command, so that scripts can tell the cases apart. */
const EXIT = { done: 0, failed: 1, usage: 2, noSuchQueue: 3, timedOut: 4, cannotConnect: 5 } as const;

/** What commander exits with for words that it can't read. */
const COMMANDER_USAGE = 1;

const EXIT_HELP = `
Exit status: 0 done, 1 failed, 2 usage, 3 no such queue, 4 timed out, 5 cannot connect.

Examples:
  datapathctl call org.xen.xapi.datapath Plugin.ls
  datapathctl call org.xen.xapi.datapath Plugin.ls '{"dbg":"me"}' --timeout 5
  datapathctl call some.queue --file request.json
`;

const DEFAULT_TIMEOUT_SECONDS = 30;

const program = new Command('datapathctl')
  .description('Talks to datapathd, and to any xapi message switch.')
  .version(packageJson.version)
  .addHelpText('after', EXIT_HELP)
  .showHelpAfterError('(datapathctl --help tells the commands)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === COMMANDER_USAGE ? EXIT.usage : exitCode));

program
  .command('call')
  .description('send one request to a queue through the switch and print the answer')
  .argument('<queue>', 'the queue to call; it is not created')
  .argument('[method]', 'a method: the request is made of it and the params')
  .argument('[params]', 'the named parameters as a JSON object', '{}')
  .option('--body <text>', 'the request as it is, instead of a method')
  .option('--file <path>', 'a file with the request as it is')
  .option('--timeout <seconds>', 'how long to wait for the answer', seconds, DEFAULT_TIMEOUT_SECONDS)
  .option(
    '--path <socket>',
    "the switch's socket (default: $DATAPATHD_SWITCH_PATH, or the first that is there)",
  )
  .action(async (queue: string, method: string | undefined, params: string, options: CallFlags) => {
    const body = requestBody(method, params, options);
    const outcome = await call({ path: switchPath(options.path), queue, body, timeout: options.timeout });
    process.exitCode = report(queue, options.timeout, outcome);
  });

interface CallFlags {
  readonly body?: string;
  readonly file?: string;
  readonly timeout: number;
  readonly path?: string;
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a number of seconds above 0.');
}

function requestBody(method: string | undefined, params: string, { body, file }: CallFlags): string | Buffer {
  const given = [method, body, file].filter((source) => source !== undefined).length;
  if (given !== 1) program.error('error: give a method, --body or --file, and only one of them');
  if (body !== undefined) return body;
  if (file !== undefined) return readRequest(file);
  return JSON.stringify({ method, params: [{ dbg: 'datapathctl', ...namedParams(params) }], id: 1 });
}

function readRequest(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    return program.error(`error: --file: ${error instanceof Error ? error.message : error}`);
  }
}

function namedParams(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, in the same words as for JSON that is no object.
  }
  return program.error(`error: params: expected a JSON object such as '{"dbg":"me"}', got ${text}`);
}

/** Where a switch's socket usually is: the development daemon's, an installed one's, the older switch's. */
const USUAL_PATHS = ['./run/switch.sock', '/run/datapathd/switch.sock', '/run/message-switch/sock'];

function switchPath(given: string | undefined): string {
  return (
    given ??
    process.env.DATAPATHD_SWITCH_PATH ??
    USUAL_PATHS.find((path) => existsSync(path)) ??
    program.error(`error: no switch found at ${USUAL_PATHS.join(', ')}: give --path`, {
      exitCode: EXIT.cannotConnect,
    })
  );
}

/** Prints what came of a call and gives the exit code. */
function report(queue: string, timeout: number, outcome: CallOutcome): number {
  switch (outcome.type) {
    case 'answered':
      process.stdout.write(outcome.answer);
      if (outcome.answer.at(-1) !== 0x0a) process.stdout.write('\n');
      return EXIT.done;
    case 'no-such-queue':
      console.error(`datapathctl: there is no queue ${queue}`);
      return EXIT.noSuchQueue;
    case 'timed-out':
      console.error(`datapathctl: no answer from ${queue} within ${timeout} s: is anybody serving it?`);
      return EXIT.timedOut;
    case 'refused':
      console.error(`datapathctl: the switch refused: ${outcome.reason}`);
      return EXIT.failed;
    case 'cannot-connect':
      console.error(`datapathctl: ${outcome.reason}`);
      return EXIT.cannotConnect;
  }
}

await program.parseAsync();
