import { spawn } from 'node:child_process';

/** What came of a program that was to answer a request. */
export type Run =
  | { readonly type: 'answered'; readonly answer: Buffer }
  | { readonly type: 'failed'; readonly reason: string };

/**
 * Runs a program without a shell, with the payload on its standard input, and gives what it wrote to its standard
 * output, without a line break at the end. Never rejects.
 */
export function runProgram(program: string, payload: Buffer): Promise<Run> {
  const { promise, resolve } = Promise.withResolvers<Run>();
  const failed = (reason: string): void => resolve({ type: 'failed', reason });
  const cannotBeRun = (error: unknown): void =>
    failed(`${program} cannot be run: ${error instanceof Error ? error.message : error}`);
  try {
    const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.on('error', cannotBeRun);
    // The reason is told soon. Where no descriptors are left, there are no streams either.
    if (child.pid === undefined) return promise;
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A program that ends without reading is no failure.
    child.stdin.on('error', () => {});
    child.stdin.end(payload);
    child.on('close', (status, signal) => {
      if (signal !== null) failed(`${program} was ended by ${signal}`);
      else if (status !== 0) failed(`${program} ended with status ${status}`);
      else resolve({ type: 'answered', answer: withoutLineBreak(Buffer.concat(chunks)) });
    });
  } catch (error) {
    // Some reasons are thrown, such as that somebody is just writing the program.
    cannotBeRun(error);
  }
  return promise;
}

const withoutLineBreak = (output: Buffer): Buffer =>
  output.at(-1) === 0x0a ? output.subarray(0, -1) : output;
