import type { LogLevels } from '../log-levels.ts';
import type { PeerIdentity } from '../wire/conversation.ts';
import { JsonFailure, parseJsonBytes } from '../wire/json.ts';
import type { Page } from '../wire/pages.ts';
import { isStruct } from '../wire/value.ts';

/** Where the levels of the log are read, and changed, over HTTP. */
const TARGET = '/log';

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export const logPage = (levels: LogLevels, target: string): Page | undefined =>
  target === TARGET ? levelsPage(levels) : undefined;

/** How deep what is posted may be nested. */
const LIMITS = { maxDepth: 4 };

/** What changes levels as a body says that is posted there: `{"subsystem":"xenstore","level":"debug","seconds":600}`. */
export const logOperation = (levels: LogLevels, target: string) =>
  target === TARGET
    ? (body: Buffer, peer: PeerIdentity | undefined): Page => changeLevels(levels, body, peer)
    : undefined;

function changeLevels(levels: LogLevels, body: Buffer, peer: PeerIdentity | undefined): Page {
  const value = parseJsonBytes(body, LIMITS);
  if (value instanceof JsonFailure) return badRequest(value.reason);
  if (!isStruct(value)) return badRequest('expected an object with subsystem, level and seconds');
  const reason = levels.change(value, `the user ${peer?.uid ?? 'unknown'} (pid ${peer?.pid ?? 'unknown'})`);
  return reason === undefined ? levelsPage(levels) : badRequest(reason);
}

const levelsPage = (levels: LogLevels): Page => ({
  status: 200,
  contentType: JSON_TYPE,
  body: `${JSON.stringify(levels.report())}\n`,
});

const badRequest = (reason: string): Page => ({ status: 400, contentType: TEXT_TYPE, body: `${reason}\n` });
