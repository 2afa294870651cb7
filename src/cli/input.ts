import { buffer } from 'node:stream/consumers';

const LINE_BREAK = 0x0a;

/**
 * What comes on standard input, byte for byte, without the line break at its end; whoever types it is asked for it first,
 * and ends it with Ctrl-D.
 */
export async function readInput(prompt: string): Promise<Buffer> {
  if (process.stdin.isTTY) process.stderr.write(`${prompt}\n`);
  const typed = await buffer(process.stdin);
  return typed.at(-1) === LINE_BREAK ? typed.subarray(0, -1) : typed;
}
