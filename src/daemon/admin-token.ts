import { randomBytes } from 'node:crypto';
import { isToken, TOKEN_FORM } from '../admin/access.ts';
import { ConfigError } from '../config.ts';
import { findSecret, type SecretFile } from './secret-file.ts';

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
  const secret = findSecret({ setting: 'admin.tokenFile', file, credential: CREDENTIAL, credentials });
  if (secret !== undefined) return { text: tokenIn(secret), isNew: false };
  if (isTerminal) return { text: randomBytes(24).toString('base64url'), isNew: true };
  throw new ConfigError(
    `admin.listen: there is no token for it: name its file in admin.tokenFile, or give the unit LoadCredential=${CREDENTIAL}:/path`,
  );
}

function tokenIn({ what, path, text }: SecretFile): string {
  const token = text.trim();
  if (!isToken(token)) throw new ConfigError(`${what}: expected ${TOKEN_FORM} in ${path}`);
  return token;
}
