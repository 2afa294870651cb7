import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CannotProvide, provideTools } from './helpers/provide.ts';

/** `npm test`: provides what the tests need, then runs them all, or the files named. */
const project = join(import.meta.dirname, '..');
const cache = join(project, '.cache');
/** Some tests watch several processes at work; more at a time would only get in each other's way. */
const CONCURRENCY = 2;
/**
 * A file of tests that hangs is ended and fails: Node counts the time of the whole file. The longest takes minutes where
 * the machine is slow and has others to serve.
 */
const TIMEOUT_MS = 1_200_000;

process.chdir(project);
mkdirSync(cache, { recursive: true });
process.exitCode = main(process.argv.slice(2));

function main(words: readonly string[]): number {
  let env: NodeJS.ProcessEnv;
  try {
    // Hundreds of daemons and commands are started: what Node has compiled for one is there for the next.
    env = { ...provideTools(cache, process.env), NODE_COMPILE_CACHE: join(cache, 'compiled') };
  } catch (error) {
    if (!(error instanceof CannotProvide)) throw error;
    console.error(error.message);
    return 1;
  }
  const fetched = run(join(project, 'test/xenstored/run-xenstored'), ['--fetch'], env);
  if (fetched !== 0) return fetched;
  const files = words.length > 0 ? words : globSync('test/**/*.test.ts').sort();
  const options = [
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TIMEOUT_MS}`,
    '--test-reporter=spec',
  ];
  return run(process.execPath, ['--test', ...options, ...files], env);
}

/** Runs a program with our own output; gives its exit status. */
function run(program: string, words: readonly string[], env: NodeJS.ProcessEnv): number {
  const { status, error } = spawnSync(program, words, { stdio: 'inherit', env });
  if (error !== undefined) console.error(`${program}: ${error.message}`);
  return status ?? 1;
}
