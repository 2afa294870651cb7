import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { login } from '../switch/helpers.ts';
import { ctl, send, startEcho, startSwitchProcess } from './helpers.ts';

/** One command line of xapi's message-cli, and what came of it. */
interface Row {
  readonly argv: readonly string[];
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Outcome = Omit<Row, 'argv'>;

interface Difference {
  readonly rows: readonly number[];
  readonly reason: string;
  /** What ours says, made of what was recorded. */
  readonly ours: (recorded: Outcome) => Outcome;
}

const rows: Row[] = readFileSync(join(import.meta.dirname, '../recorded/message-cli.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const withoutLines = (text: string, out: RegExp): string =>
  text
    .split('\n')
    .filter((line) => !out.test(line))
    .join('\n');

const complaint = (exit: number, stderr: string): Outcome => ({ exit, stdout: '', stderr });

/** Every place where ours differs. Rows are counted from 0. */
const DIFFERENCES: readonly Difference[] = [
  {
    rows: [1, 3],
    reason:
      'message-cli leaves a reply queue for each of its runs; ours makes one for a call, and removes it',
    ours: (recorded) => ({ ...recorded, stdout: withoutLines(recorded.stdout, /message-cli:/) }),
  },
  {
    rows: [10],
    reason: 'a time that is over has an exit status of its own, and a line that says what to look at',
    ours: () =>
      complaint(
        4,
        'datapathctl: no answer from svc within 1 s: is anybody serving it? datapathctl diagnostics tells\n',
      ),
  },
  {
    rows: [11],
    reason: 'a queue that is not there is not made by calling it, and is not waited for',
    ours: () =>
      complaint(3, 'datapathctl: there is no queue missing: datapathctl list --all tells which there are\n'),
  },
  {
    rows: [12],
    reason: 'both of the above',
    ours: (recorded) => ({ ...recorded, stdout: withoutLines(recorded.stdout, /message-cli:|^missing$/) }),
  },
  {
    rows: [13],
    reason: 'words that cannot be understood have exit status 2, and one line',
    ours: () => complaint(2, "datapathctl: unknown command 'nosuchverb'; see datapathctl --help\n"),
  },
  {
    rows: [14],
    reason: 'as above',
    ours: () => complaint(2, "datapathctl: missing required argument 'id'; see datapathctl --help\n"),
  },
];

/** The numbers of the messages here, by how they are shown in the recording. */
type Numbers = Readonly<Record<'svc.0' | 'svc.1' | 'idle.0' | 'alice:1.0', number>>;

/**
 * What was on the recorded switch: one call was served, one waits on `svc`, one on `idle` where nobody listens, and
 * `echo` answers.
 */
async function makeSituation(t: TestContext, path: string): Promise<Numbers> {
  const alice = await login(t, path, 'alice:1');
  for (const target of ['/persistent/svc', '/persistent/idle', '/transient/alice:1']) {
    await alice.text('GET', target);
  }
  const served = await send(alice, 'svc', '{"method":"x"}', 'alice:1');
  // Until it is over, and for a while after that, whoever asked counts as one who serves.
  await alice.text('POST', '/transfer', '{"timeout":3600,"queues":["svc"]}');
  const answered = await alice.text('POST', `/response/alice:1/svc/${served}`, 'answer');
  await alice.text('GET', `/ack/svc/${served}`);
  const waiting = await send(alice, 'svc', 'waiting', 'alice:1');
  const idle = await send(alice, 'idle', 'nobody listens', 'gone');
  await startEcho(t, path, 'echo');
  return { 'svc.0': served, 'svc.1': waiting, 'idle.0': idle, 'alice:1.0': JSON.parse(answered)[0][1] };
}

/** With the numbers of the recording in place of ours, and no times, which differ from run to run. */
function masked({ exit, stdout, stderr }: Outcome, numbers: Numbers): Outcome {
  const named = Object.entries(numbers).reduce((text, [recorded, number]) => {
    const at = recorded.lastIndexOf('.');
    return text.replaceAll(`${recorded.slice(0, at)}.${number}`, recorded);
  }, stdout);
  // Diagnostics has the messages below their queues: of svc, then of idle, then of alice:1.
  const inOrder = [numbers['svc.1'], numbers['idle.0'], numbers['alice:1.0']];
  const shown = [1, 0, 0];
  let at = -1;
  const text = named
    .replace(/^ {4}([0-9]+): request/gm, (line, number) => {
      at += 1;
      return Number(number) === inOrder[at] ? `    ${shown[at]}: request` : line;
    })
    .replace(/(started|sent) [0-9a-zμ. ]+ ago/g, '$1 some time ago')
    .replace(/^[0-9]+\.[0-9] +/gm, '0.0   ');
  return { exit, stdout: text, stderr };
}

test("every command does what xapi's message-cli did, but for the differences listed", async (t) => {
  const daemon = await startSwitchProcess(t);
  const numbers = await makeSituation(t, daemon.switchSocket);
  const recordedNumbers = { 'svc.0': 0, 'svc.1': 1, 'idle.0': 0, 'alice:1.0': 0 };
  for (const [number, { argv, ...recorded }] of rows.entries()) {
    const isAck = argv[0] === 'ack' && argv.length === 3;
    const words = isAck ? ['ack', 'svc', `${numbers['svc.1']}`] : argv;
    const { status, stdout, stderr } = await ctl(t, [...words, '--path', daemon.switchSocket]);
    const got = masked({ exit: status ?? -1, stdout, stderr }, numbers);
    const expected = masked(recorded, recordedNumbers);
    const difference = DIFFERENCES.find((candidate) => candidate.rows.includes(number));
    const asked = `row ${number}: ${argv.join(' ')}`;
    if (difference === undefined) {
      assert.deepEqual(got, expected, asked);
    } else {
      assert.deepEqual(got, masked(difference.ours(recorded), recordedNumbers), asked);
      assert.notDeepEqual(got, expected, `${asked}: differs no longer`);
    }
  }
  assert.equal(await daemon.ended, 0);
});
