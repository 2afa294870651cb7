import { text } from 'node:stream/consumers';

/**
 * What comes on standard input, without the line break at its end; whoever types it is asked for it first, and ends
 * it with Ctrl-D.
 */
export async function readInput(prompt: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`${prompt}\n`);
  return (await text(process.stdin)).replace(/\n$/, '');
}
