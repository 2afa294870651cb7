import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** A program that is needed is not there, or has failed. The message is for a person. */
export class ToolError extends Error {}

/** Runs a program to its end, and gives what it printed. Throws a `ToolError` with its complaint when it fails. */
export async function run(
  program: string,
  words: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    const [status] = await once(child, 'close');
    const [stdout, stderr] = await output;
    if (status === 0) return stdout;
    throw new ToolError(`${program} ${words[0] ?? ''} failed:\n${stderr}${stdout}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new ToolError(`${program} is needed, and is not installed`);
    }
    throw error;
  }
}
