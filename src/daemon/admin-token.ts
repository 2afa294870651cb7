import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isToken, TOKEN_FORM } from '../admin/access.ts';
import { ConfigError } from '../config.ts';

/** The credential of the service manager: `LoadCredential=admin-token:…`. */
const CREDENTIAL = 'admin-token';

export interface Token {
  readonly text: string;
  /** It was made up, so that nobody knows it before it is told. */
  readonly isNew: boolean;
}

export interface TokenPlaces {
  /** The setting `admin.tokenFile`. */
  readonly file: string;
  /** CREDENTIALS_DIRECTORY: where the service manager has put credentials, if there are any. */
  readonly credentials: string | undefined;
  /** Somebody will see what is printed, and nobody keeps it. */
  readonly isTerminal: boolean;
}

/** Finds the token of the page. Throws a `ConfigError` that says what is wrong with it, or that there is none. */
export function findToken({ file, credentials, isTerminal }: TokenPlaces): Token {
  if (file !== '') return { text: readToken(file, 'admin.tokenFile'), isNew: false };
  const credential = credentials === undefined ? undefined : join(credentials, CREDENTIAL);
  if (credential !== undefined && statSync(credential, { throwIfNoEntry: false }) !== undefined) {
    return { text: readToken(credential, `the credential ${CREDENTIAL}`), isNew: false };
  }
  if (isTerminal) return { text: randomBytes(24).toString('base64url'), isNew: true };
  throw new ConfigError(
    `admin.listen: there is no token for it: name its file in admin.tokenFile, or give the unit LoadCredential=${CREDENTIAL}:/path`,
  );
}

function readToken(path: string, what: string): string {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, 'utf8').trim();
    ({ mode } = statSync(path));
  } catch (error) {
    throw new ConfigError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if ((mode & 0o007) !== 0) throw new ConfigError(`${what}: every user may read ${path}: chmod o= ${path}`);
  if (!isToken(text)) throw new ConfigError(`${what}: expected ${TOKEN_FORM} in ${path}`);
  return text;
}
