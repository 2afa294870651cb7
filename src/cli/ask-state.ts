import { readState, type SwitchState } from './answers.ts';
import type { SwitchConnection } from './connection.ts';
import { refusalText, request } from './context.ts';
import { Failure } from './exit.ts';

/** What of the state is wanted; what is not named is wanted whole. */
export interface StateView {
  /** This queue alone. */
  readonly queue?: string;
  /** The oldest messages of each queue, at most so many. */
  readonly messages?: number;
  /** Each payload is cut to so many bytes. */
  readonly payloads?: number;
}

/** The oldest message of each queue, without its payload. */
export const OLDEST: StateView = { messages: 1, payloads: 0 };

/** How a switch may answer a target that it does not know. */
const NOT_KNOWN = [400, 404];

/**
 * The state of the switch, of which ours tells no more than is wanted, however much waits. Another one may tell all: it
 * looks at no query, or refuses it.
 */
export async function askState(connection: SwitchConnection, view: StateView): Promise<SwitchState> {
  const query = Object.entries(view).map(([field, value]) => `${field}=${encodeURIComponent(value)}`);
  const { status, body } = await connection.ask('GET', `/?${query.join('&')}`);
  if (status === 200) return readState(body);
  if (!NOT_KNOWN.includes(status)) throw new Failure('failed', refusalText(status, body));
  return readState(await request(connection, 'GET', '/'));
}
