import { createRequire } from 'node:module';
import pino, { type DestinationStream, type Logger, type LoggerOptions } from 'pino';
import { redact, redactText } from './redact.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'pretty';
  /** Where lines go; a terminal gets pretty ones by `auto`. */
  readonly destination: DestinationStream & { readonly isTTY?: boolean };
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

const WARN = 40;

/** Makes the daemon's logger: JSON lines, or pretty ones for people. Secrets are taken out of every line. */
export function createLog({ level, format, destination }: LogOptions): Log {
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
  const stream = isPretty(format, destination) ? prettyStream(destination) : destination;
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

/** In this thread and at once: a stream of its own could lose the last lines before an exit. */
function prettyStream(destination: LogOptions['destination']): DestinationStream {
  // Only people need it, and it takes a while to load.
  const { prettyFactory }: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const format = prettyFactory({
    colorize: destination.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  return { write: (line) => destination.write(format(line)) };
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
