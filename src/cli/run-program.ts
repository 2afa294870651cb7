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
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.on('error', (error) => failed(`${program} cannot be run: ${error.message}`));
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A program that ends without reading is no failure.
  child.stdin.on('error', () => {});
  child.stdin.end(payload);
  child.on('close', (status, signal) => {
    if (signal !== null) failed(`${program} was ended by ${signal}`);
    else if (status !== 0) failed(`${program} ended with status ${status}`);
    else resolve({ type: 'answered', answer: withoutLineBreak(Buffer.concat(chunks)) });
  });
  return promise;
}

const withoutLineBreak = (output: Buffer): Buffer =>
  output.at(-1) === 0x0a ? output.subarray(0, -1) : output;
