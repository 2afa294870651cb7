import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { createLog, type Log, type LogOptions } from '../../src/log.ts';
import { openDatagramSender } from '../../src/posix.ts';
import { isJournalStream, JOURNAL_SOCKET, sendToJournal } from '../../src/service/journal.ts';
import { MAIN } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { startReceiver } from './helpers.ts';

/** A log on a journal that takes entries at an address, and what the stream beside it got. */
async function logOn(
  address: string,
  format: LogOptions['format'] = 'json',
): Promise<Log & { readonly lines: string[] }> {
  const lines: string[] = [];
  const sender = openDatagramSender(address);
  const destination = { write: (line: string) => void lines.push(line) };
  const send: NonNullable<LogOptions['journal']>['send'] = (entry) => sendToJournal(sender, entry);
  return { ...(await createLog({ level: 'trace', format, destination, journal: { send } })), lines };
}

async function startJournal(t: TestContext) {
  const address = join(tempDirectory(t), 'journal');
  return { address, receiver: await startReceiver(t, address) };
}

/** An entry's fields, each in the form for any bytes. */
function readFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  let rest = Buffer.from(text, 'latin1');
  while (rest.length > 0) {
    const start = rest.indexOf('\n') + 1;
    const end = start + 8 + Number(rest.readBigUInt64LE(start));
    fields[rest.toString('utf8', 0, start - 1)] = rest.toString('utf8', start + 8, end);
    assert.equal(rest[end], 0x0a);
    rest = rest.subarray(end + 1);
  }
  return fields;
}

const NOWHERE = '/nonexistent/journal';

test('a line is an entry with the fields that people look for', async (t) => {
  const { address, receiver } = await startJournal(t);
  const { logger, lines } = await logOn(address);
  const dbg = 'a task\n{"traceparent":"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}';
  logger.warn(
    { queue: 'q', method: 'VDI.attach2', sr: 'an SR', vdi: 'a disk', plugin: 'mine', dbg, ms: 1 },
    'slow',
  );
  const { MESSAGE = '', ...fields } = readFields((await receiver.received('slow')).text);
  assert.deepEqual(fields, {
    PRIORITY: '4',
    SYSLOG_IDENTIFIER: 'datapathd',
    QUEUE: 'q',
    METHOD: 'VDI.attach2',
    SR: 'an SR',
    VDI: 'a disk',
    PLUGIN: 'mine',
    TRACE_ID: '0123456789abcdef0123456789abcdef',
  });
  const { time, ...line } = JSON.parse(MESSAGE);
  assert.deepEqual(line, {
    ...{
      level: 'warn',
      queue: 'q',
      method: 'VDI.attach2',
      sr: 'an SR',
      vdi: 'a disk',
      plugin: 'mine',
      dbg,
      ms: 1,
    },
    msg: 'slow',
  });
  assert.equal(typeof time, 'string');
  assert.deepEqual(lines, []);
});

test('an entry has only the fields that its line has, and no secrets', async (t) => {
  const { address, receiver } = await startJournal(t);
  (await logOn(address)).logger.info({ sr: 'nbd://me:hunter2@h', volume: 'a volume', queue: 5 }, 'served');
  const { MESSAGE = '', ...fields } = readFields((await receiver.received('served')).text);
  assert.deepEqual(fields, {
    PRIORITY: '6',
    SYSLOG_IDENTIFIER: 'datapathd',
    SR: 'nbd://***@h',
    VDI: 'a volume',
  });
  assert.doesNotMatch(MESSAGE, /hunter2/);
});

test('each level has its priority, in entries and in lines on the stream', async (t) => {
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
  const { address, receiver } = await startJournal(t);
  const { logger } = await logOn(address);
  const without = await logOn(NOWHERE);
  for (const level of levels) {
    logger[level](`a ${level} line`);
    without.logger[level](`a ${level} line`);
  }
  await receiver.received('a fatal line');
  const priorities = ['7', '7', '6', '4', '3', '2'];
  assert.deepEqual(
    receiver.seen.map(({ text }) => readFields(text).PRIORITY),
    priorities,
  );
  assert.deepEqual(
    without.lines.map((line) => /^<(.)>\{.*\}\n$/.exec(line)?.[1]),
    priorities,
  );
});

test('a line that is too long for an entry goes to the stream', async (t) => {
  const { address, receiver } = await startJournal(t);
  const { logger, lines } = await logOn(address);
  logger.info('x'.repeat(2 ** 22));
  logger.info('short');
  await receiver.received('short');
  assert.equal(receiver.seen.length, 1);
  assert.match(lines.join(''), /^<6>\{.*x{9}.*\}\n$/);
});

test('lines for people keep their form, and their fields', async (t) => {
  const { address, receiver } = await startJournal(t);
  (await logOn(address, 'pretty')).logger.info({ queue: 'q' }, 'served');
  const { MESSAGE, QUEUE } = readFields((await receiver.received('served')).text);
  assert.match(MESSAGE ?? '', /INFO: served \{"queue":"q"\}$/);
  assert.equal(QUEUE, 'q');
});

test('the stream of the journal is known by its device and inode', () => {
  const fd = openSync('/dev/null', 'r');
  const { dev, ino } = fstatSync(fd);
  assert.equal(isJournalStream(`${dev}:${ino}`, fd), true);
  assert.equal(isJournalStream(`${dev}:${ino + 1}`, fd), false);
  assert.equal(isJournalStream(undefined, fd), false);
  closeSync(fd);
});

test('the daemon writes priorities on a stream that is the journal, and none on another', async (t) => {
  const logOf = async (stream: string): Promise<string> => {
    const { address, receiver } = await startJournal(t);
    const directory = join(tempDirectory(t), 'run');
    const words = [process.execPath, MAIN, `--sockets.directory=${directory}`];
    const more = ['--switch.stateDirectory=', '--storage.enabled=false'];
    const child = spawn('sh', ['-c', `JOURNAL_STREAM=${stream} exec "$@"`, 'sh', ...words, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NOTIFY_SOCKET: address },
    });
    t.after(() => child.kill('SIGKILL'));
    const log = text(child.stderr);
    await receiver.received('READY');
    child.kill('SIGTERM');
    return log;
  };
  // A machine with a journal takes the entries there.
  const onStream = existsSync(JOURNAL_SOCKET) ? /^$/ : /^<6>\{"level":"info".* serves"\}\n(<6>.*\n)*$/;
  assert.match(await logOf('$(stat -L -c %d:%i /proc/self/fd/2)'), onStream);
  assert.match(await logOf('8:1234'), /^\{"level":"info"/);
});
