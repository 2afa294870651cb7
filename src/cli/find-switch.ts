import { existsSync } from 'node:fs';
import { ConfigError, loadConfig, resolveSwitchPath } from '../config.ts';
import { Failure } from './exit.ts';

/** Where a switch's socket usually is: the development daemon's, an installed one's, the older switch's. */
export const USUAL_PATHS = ['./run/switch.sock', '/run/datapathd/switch.sock', '/run/message-switch/sock'];

/** Settings that say where the switch's socket is. */
const TELLING = ['switch.path', 'switch.mode', 'sockets.directory'];

export interface Named {
  /** `--path` */
  readonly path: string | undefined;
  /** `--config` */
  readonly config: string | undefined;
}

/**
 * The switch's socket: `--path`, `DATAPATHD_SWITCH_PATH`, what the configuration file says, and else the first of the
 * usual ones that is there. Throws a `Failure` when none is.
 */
export function findSwitch({ path, config }: Named, environment: NodeJS.ProcessEnv): string {
  if (path === '') throw new Failure('usage', '--path: expected a socket, got ""');
  if (path !== undefined) return path;
  const { DATAPATHD_SWITCH_PATH: fromEnvironment = '' } = environment;
  if (fromEnvironment !== '') return fromEnvironment;
  return configured(config) ?? usual();
}

function usual(): string {
  const found = USUAL_PATHS.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Failure(
    'cannotConnect',
    `no switch found at ${USUAL_PATHS.join(', ')}: start one, or give --path`,
  );
}

/** What the configuration file says, where it says anything about it. */
function configured(file: string | undefined): string | undefined {
  try {
    const { config, places } = loadConfig(file === undefined ? [] : [`--config=${file}`], {});
    return TELLING.some((name) => places.has(name)) ? resolveSwitchPath(config) : undefined;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (file !== undefined) throw new Failure('failed', error.message);
    // The file of the host may be for root alone, or wrong: the daemon's business. Its socket may be there all the same.
    return undefined;
  }
}
