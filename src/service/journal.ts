import { fstatSync } from 'node:fs';
import type { DatagramSender } from '../posix.ts';

/** Where journald takes entries with fields: systemd.io/JOURNAL_NATIVE_PROTOCOL. */
export const JOURNAL_SOCKET = '/run/systemd/journal/socket';

/** Whether a descriptor is the stream that systemd has connected to the journal: JOURNAL_STREAM is its device and inode. */
export function isJournalStream(journalStream: string | undefined, fd: number): boolean {
  if (journalStream === undefined) return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return journalStream === `${dev}:${ino}`;
}

/** The fields of log lines that are fields of the journal, each by the first of its names that a line has. */
const FIELDS: readonly (readonly [string, readonly string[]])[] = [
  ['QUEUE', ['queue']],
  ['METHOD', ['method']],
  ['SR', ['sr']],
  ['VDI', ['vdi', 'volume']],
  ['PLUGIN', ['plugin']],
  ['SUBSYSTEM', ['subsystem']],
];

/** A traceparent, as the W3C writes it: the second part is the trace's id. */
const TRACEPARENT = /\b[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\b/;

/**
 * Sends an entry: a line of JSON, whose fields it takes for those of the journal, and the text that people see of it. False
 * when the journal does not take it, because it is too long or nobody listens there.
 */
export function sendToJournal(
  sender: DatagramSender,
  { priority, line, text }: { readonly priority: number; readonly line: string; readonly text: string },
): boolean {
  const fields = Buffer.concat([
    field('MESSAGE', text),
    field('PRIORITY', `${priority}`),
    field('SYSLOG_IDENTIFIER', 'datapathd'),
    ...fieldsOf(line).map(([name, value]) => field(name, value)),
  ]);
  return sender.send(fields, 'at-once') === undefined;
}

function fieldsOf(line: string): [string, string][] {
  const values = new Map<string, unknown>(Object.entries(JSON.parse(line)));
  const fields = FIELDS.flatMap(([name, keys]): [string, string][] => {
    const value = keys.map((key) => values.get(key)).find((each) => typeof each === 'string');
    return typeof value === 'string' ? [[name, value]] : [];
  });
  const [, trace] = TRACEPARENT.exec(String(values.get('dbg'))) ?? [];
  return trace === undefined ? fields : [...fields, ['TRACE_ID', trace]];
}

/** In the form for any bytes: the name on a line, the length in 64 bits, the bytes, a line break. */
function field(name: string, value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
}
