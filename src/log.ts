import pino, { type DestinationStream, type Logger, type LoggerOptions } from 'pino';
import { redact, redactText } from './redact.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'pretty';
  /** Where lines go; a terminal gets pretty ones by `auto`. */
  readonly destination: DestinationStream & { readonly isTTY?: boolean };
  /** Absent: the destination is not the journal's. Otherwise lines on it carry their priority. */
  readonly journal?:
    | {
        /** Sends a line, of JSON, with its fields, and the text for people; false: it is to go to the destination. */
        send(entry: { readonly priority: number; readonly line: string; readonly text: string }): boolean;
      }
    | undefined;
}

export interface Log {
  /** Fields are given with each line: those bound to a child of it would not pass through the redaction. */
  readonly logger: Logger;
  /** The last warnings and errors, oldest first, for diagnostics. */
  recentTroubles(): readonly string[];
}

/** How many warnings and errors are kept for diagnostics, and how much of each. */
const TROUBLES_KEPT = 20;
const LONGEST_TROUBLE = 1000;

const INFO = 30;
const WARN = 40;
const ERROR = 50;
const FATAL = 60;

/** Makes the daemon's logger: JSON lines, or pretty ones for people. Secrets are taken out of every line. */
export async function createLog({ level, format, destination, journal }: LogOptions): Promise<Log> {
  const troubles: string[] = [];
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => redactFields(fields),
    },
    // Errors are made plain fields by redaction, and pino's own way would take them for those of an unknown type.
    serializers: { err: (error) => error },
    hooks: {
      logMethod(args, method, number) {
        const [first, second] = args;
        const text = redactText(typeof first === 'string' ? first : (second ?? messageOf(first)));
        if (number >= WARN) keep(troubles, text);
        // Only texts that have no placeholders are logged here, so the text is the whole message.
        if (typeof first === 'string') method.apply(this, [text]);
        else method.apply(this, [first, text]);
      },
    },
  };
  const render = isPretty(format, destination) ? await prettyFormat(destination) : undefined;
  const stream =
    journal === undefined ? rendered(destination, render) : journalStream(destination, journal, render);
  return { logger: pino(options, stream), recentTroubles: () => [...troubles] };
}

/** What pino takes for the message of a line that has none: that of an error in it. */
function messageOf(first: unknown): string {
  if (first instanceof Error) return first.message;
  const error = typeof first === 'object' && first !== null && 'err' in first ? first.err : undefined;
  return error instanceof Error ? error.message : '';
}

const isPretty = (format: LogOptions['format'], { isTTY = false }: LogOptions['destination']): boolean =>
  format === 'pretty' || (format === 'auto' && isTTY);

/** Makes the text of a line of JSON. */
type Render = (line: string) => string;

/** To be used in this thread and at once: a stream of its own could lose the last lines before an exit. */
async function prettyFormat(destination: LogOptions['destination']): Promise<Render> {
  // Only people need it, and it takes a while to load.
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({
    colorize: destination.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    ignore: 'subsystem',
    messageFormat: '{if subsystem}{subsystem}: {end}{msg}',
  });
}

const rendered = (destination: DestinationStream, render: Render | undefined): DestinationStream =>
  render === undefined ? destination : { write: (line) => destination.write(render(line)) };

/** By sd-daemon(3), a line on a stream of the journal begins with its priority. */
function journalStream(
  destination: DestinationStream,
  { send }: NonNullable<LogOptions['journal']>,
  render: Render = (line) => line,
): DestinationStream {
  const stream = {
    // A stream that has this is told the level of each line beforehand.
    [pino.symbols.needsMetadataGsym]: true,
    lastLevel: WARN,
    write: (line: string): void => {
      const priority = priorityOf(stream.lastLevel);
      const text = render(line);
      if (!send({ priority, line, text: text.trimEnd() })) destination.write(`<${priority}>${text}`);
    },
  };
  return stream;
}

/** Of a level of pino, that of syslog(3): critical, error, warning, informational, debug. */
function priorityOf(level: number): number {
  if (level >= FATAL) return 2;
  if (level >= ERROR) return 3;
  if (level >= WARN) return 4;
  return level >= INFO ? 6 : 7;
}

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, redact(value, name)]));
}

/** In one line, as diagnostics shows it. */
function keep(troubles: string[], text: string): void {
  const line = text.slice(0, LONGEST_TROUBLE).replace(/\s+/g, ' ');
  troubles.push(`${new Date().toISOString()} ${line}`);
  if (troubles.length > TROUBLES_KEPT) troubles.shift();
}
