import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from './context.ts';
import { EXITS, Failure } from './exit.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2000;

const isLost = (error: unknown): error is Failure =>
  error instanceof Failure && error.code === EXITS.cannotConnect.code;

/**
 * Waits for a switch that was lost to come back, and tells of both on standard error; gives the new connection. Any other
 * error is thrown again.
 */
export async function whenBack<Connection>(
  error: unknown,
  connect: () => Promise<Connection>,
  { tell }: Context,
): Promise<Connection> {
  if (!isLost(error)) throw error;
  tell(`${error.message}: waiting for it to come back`);
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    await pause(wait);
    try {
      const connection = await connect();
      tell('the switch is back');
      return connection;
    } catch (failure) {
      if (!isLost(failure)) throw failure;
    }
  }
}
