import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ConfigError, loadConfig } from '../../src/config.ts';
import { tempDirectory } from '../helpers/temp.ts';

/** Writes a configuration file for the test; gives its path. */
export function configFile(t: TestContext, text: string | Buffer): string {
  const path = join(tempDirectory(t), 'c.toml');
  writeFileSync(path, text);
  return path;
}

export interface Sources {
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** The line with which the start ends. */
export function complaint({ flags = [], environment = {} }: Sources): string {
  try {
    loadConfig(flags, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the configuration was taken');
}

/** The line with which the start ends when a file has this text, with `FILE` for its path. */
export function complaintOfFile(t: TestContext, text: string | Buffer): string {
  const path = configFile(t, text);
  return complaint({ flags: ['--config', path] }).replaceAll(path, 'FILE');
}
