#!/usr/bin/env node
import packageJson from '../package.json' with { type: 'json' };
import { ConfigError, type LoadedConfig, loadConfig, renderHelp, renderPrintedConfig } from './config.ts';
import { StartError } from './daemon/locks.ts';
import { createLiveConfig, reload } from './daemon/reload.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { JournalError } from './journal/replay.ts';
import { createLog, type Logger, type LogOptions } from './log.ts';
import { createLogLevels } from './log-levels.ts';
import { openDatagramSender } from './posix.ts';
import { redactText } from './redact.ts';
import { isJournalStream, JOURNAL_SOCKET, sendToJournal } from './service/journal.ts';
import { NotifyError, openServiceManager, type ServiceManager } from './service/notify.ts';
import { SocketError } from './socket/listen.ts';

/** Wrong words or a wrong configuration: as other daemons, so that systemd does not try again. */
const EXIT_CONFIG = 2;
const EXIT_FAILED = 1;

const loaded = load();
switch (loaded.command) {
  case 'help':
    process.stdout.write(renderHelp());
    break;
  case 'version':
    console.log(packageJson.version);
    break;
  case 'check-config':
    console.log('the configuration is sound');
    break;
  case 'print-config':
    process.stdout.write(renderPrintedConfig(loaded.config, loaded.places));
    break;
  case 'run':
    await run(loaded);
}

function readConfig(): LoadedConfig {
  return loadConfig(process.argv.slice(2), process.env);
}

function load(): LoadedConfig {
  try {
    return readConfig();
  } catch (error) {
    if (error instanceof ConfigError) end(error.message, EXIT_CONFIG);
    throw error;
  }
}

async function run(loaded: LoadedConfig): Promise<void> {
  // Whoever reads the log may go, its disk may be full, a terminal may be closed: no line is worth the end of all that runs.
  for (const stream of [process.stderr, process.stdout]) stream.on('error', () => {});
  const live = createLiveConfig(loaded);
  const { config, places } = live;
  const { level, format } = config.log;
  const log = await createLog({ level, format, destination: process.stderr, journal: openJournal() });
  const levels = createLogLevels(log.logger, config.log, Date.now);
  const logger = levels.logger('daemon');
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, `unexpected: ${error.message}`);
    process.exit(EXIT_FAILED);
  });
  const stopping = Promise.withResolvers<string>();
  const shutdown = (): void => stopping.resolve('a client asked for it');
  // Before the start, so that a signal in the midst of it is no sudden end.
  onSignals(stopping.resolve, logger);
  const reloads = onReload();
  const manager = toldOfUs(logger);
  const daemon = await start({
    ...{ config, places, log, levels, version: packageJson.version, shutdown },
    stopping: stopping.promise,
  });
  let broken: string | undefined;
  reloads.start(() => {
    manager.reloading();
    broken = reload({ live, load: readConfig, levels });
    if (broken === undefined) daemon.reconfigured();
    manager.reloaded();
  });
  // Any user of the host may ask the service manager for it.
  const status = (): string =>
    redactText(
      broken === undefined ? daemon.status() : `${daemon.status()}, keeps its configuration: ${broken}`,
    );
  if (daemon.isOpen) {
    void daemon.ready.then(() => manager.ready(status));
    logger.info({ sockets: daemon.sockets, pid: process.pid }, `datapathd ${packageJson.version} serves`);
    if (process.env.JOURNAL_STREAM === undefined)
      process.stdout.write(greeting(daemon, config.datapath.queue));
  }
  const reason = await stopping.promise;
  logger.info({ reason }, 'stopping');
  manager.stopping();
  await daemon.stop();
  logger.info('stopped');
  // What is still open is nothing to wait for: it was told to close, and had its time.
  process.exit(0);
}

/** Where systemd has connected the log to its journal, that takes lines with their fields. */
function openJournal(): LogOptions['journal'] {
  if (!isJournalStream(process.env.JOURNAL_STREAM, process.stderr.fd)) return undefined;
  const sender = openDatagramSender(JOURNAL_SOCKET);
  return { send: (entry) => sendToJournal(sender, entry) };
}

function toldOfUs(logger: Logger): ServiceManager {
  try {
    return openServiceManager({
      environment: process.env,
      pid: process.pid,
      warn: (text) => logger.warn(text),
    });
  } catch (error) {
    if (error instanceof NotifyError) end(error.message, EXIT_FAILED);
    throw error;
  }
}

async function start(options: Parameters<typeof startDaemon>[0]): Promise<Daemon> {
  try {
    return await startDaemon(options);
  } catch (error) {
    if (error instanceof ConfigError) end(error.message, EXIT_CONFIG);
    if (isForTheOperator(error)) end(error.message, EXIT_FAILED);
    throw error;
  }
}

/** Errors whose text is written for a person; those of the system name the file and the reason. */
function isForTheOperator(error: unknown): error is Error {
  return (
    error instanceof StartError ||
    error instanceof SocketError ||
    error instanceof JournalError ||
    (error instanceof Error && 'code' in error)
  );
}

/** The first signal stops in order; the second ends at once. */
function onSignals(stop: (reason: string) => void, logger: Logger): void {
  let asked = false;
  const signals = ['SIGTERM', 'SIGINT', ...(process.stderr.isTTY ? (['SIGHUP'] as const) : [])] as const;
  for (const signal of signals) {
    process.on(signal, () => {
      if (asked) {
        logger.warn({ signal }, 'a second signal: ending at once');
        process.exit(EXIT_FAILED);
      }
      asked = true;
      stop(signal);
    });
  }
}

/** SIGHUP asks for a reload, unless it is the end of a terminal. One that comes before `start` is carried out by that. */
function onReload(): { start(reload: () => void): void } {
  let isAsked = false;
  let carryOut = (): void => {
    isAsked = true;
  };
  if (!process.stderr.isTTY) process.on('SIGHUP', () => carryOut());
  return {
    start: (reload) => {
      carryOut = reload;
      if (isAsked) reload();
    },
  };
}

function end(message: string, code: number): never {
  console.error(`datapathd: ${redactText(message)}`);
  process.exit(code);
}

/** Where things are and what to type next. */
function greeting({ sockets, xenstore, page }: Daemon, queue: string): string {
  const path = sockets.find((socket) => socket.endsWith(`/${queue}`));
  const lines = [
    `datapathd ${packageJson.version} is running. Its sockets:`,
    ...sockets.map((socket) => `  ${socket}`),
  ];
  if (xenstore?.type === 'embedded') {
    lines.push('No xenstored runs here, so an embedded store stands in. Attach an SR to it:');
    lines.push(...attachExample(xenstore.path));
  }
  if (path !== undefined) {
    lines.push('Ask for the attached SRs:');
    lines.push(
      `  echo '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}' | socat -t60 - UNIX-CONNECT:${path}`,
    );
  }
  if (page !== undefined) lines.push('The page to look at it:', `  ${page}`);
  return `${lines.join('\n')}\n`;
}

function attachExample(storePath: string): string[] {
  const uuid = '0a1b2c3d-0000-4000-8000-000000000001';
  const node = `xapi/storage/sr/${uuid}`;
  return [
    `  XENSTORED_PATH=${storePath} xenstore-write ${node}/uuid ${uuid} ${node}/plugin org.xen.xapi.storage.mine`,
  ];
}
