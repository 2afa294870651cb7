import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config.ts';

/** A file whose content no log may have: by what the operator knows it, and what stands there. */
export interface SecretFile {
  readonly what: string;
  readonly path: string;
  readonly text: string;
}

export interface SecretPlaces {
  readonly setting: string;
  /** The value of the setting; empty: it names no file. */
  readonly file: string;
  /** The name of the service manager's credential that is read when the setting names none. */
  readonly credential: string;
  /** CREDENTIALS_DIRECTORY: where the service manager has put credentials, if there are any. */
  readonly credentials: string | undefined;
}

/** Reads a secret from where it is; `undefined`: there is none. Throws a `ConfigError` when every user may read it, or nobody can. */
export function findSecret({ setting, file, credential, credentials }: SecretPlaces): SecretFile | undefined {
  if (file !== '') return readSecret(file, setting);
  const path = credentials === undefined ? undefined : join(credentials, credential);
  if (path === undefined || statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  return readSecret(path, `the credential ${credential}`);
}

function readSecret(path: string, what: string): SecretFile {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, 'utf8');
    ({ mode } = statSync(path));
  } catch (error) {
    throw new ConfigError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if ((mode & 0o007) !== 0) throw new ConfigError(`${what}: every user may read ${path}: chmod o= ${path}`);
  return { what, path, text };
}
