import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectClient, exchange } from '../helpers/client.ts';
import {
  type DaemonProcess,
  diagnostics,
  kill,
  type LogLine,
  QUEUE,
  startDaemonProcess,
  stop,
} from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';

const LS = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}';
const EMPTY_LIST = '{"result":[],"error":null,"id":1}\n';

/** A switch in a process of its own, that serves nothing itself. */
const startSwitch = (t: TestContext, directory: string): Promise<DaemonProcess> =>
  startDaemonProcess(t, { directory, flags: ['--storage.enabled=false'] });

const joinSwitch = (t: TestContext, path: string, flags: readonly string[] = []): Promise<DaemonProcess> =>
  startDaemonProcess(t, { flags: ['--switch.mode=join', `--switch.path=${path}`, ...flags] });

/** Calls as xapi's clients do, and gives the replies. */
async function call(t: TestContext, path: string, text = LS): Promise<string> {
  const client = join(import.meta.dirname, '../clients/switch_call.py');
  const ran = await runProgram(t, 'python3', [client, path, QUEUE], { input: `${text}\n` });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout;
}

const isServed = ({ msg }: LogLine): boolean => msg.includes(' is served on the switch at ');

/** Settles when the switch was joined that many times. */
const served = (daemon: DaemonProcess, times: number): Promise<LogLine> =>
  daemon.logged(() => daemon.log.filter(isServed).length >= times);

test('in join mode the queue is served on the switch that runs, and on its own socket; no switch is opened', async (t) => {
  const foreign = await startSwitch(t, join(tempDirectory(t), 'switch'));
  const daemon = await joinSwitch(t, foreign.switchSocket);
  await served(daemon, 1);
  assert.equal(await call(t, foreign.switchSocket), EMPTY_LIST);
  assert.equal(await exchange(t, daemon.socket, LS), EMPTY_LIST);
  assert.equal(existsSync(daemon.switchSocket), false);
  assert.match(
    await diagnostics(t, daemon),
    new RegExp(`switch\n {2}${QUEUE} on ${foreign.switchSocket}: joined for `),
  );
});

test('a switch that is killed and started again is joined again, as often as it happens', async (t) => {
  const directory = join(tempDirectory(t), 'switch');
  let foreign = await startSwitch(t, directory);
  const daemon = await joinSwitch(t, foreign.switchSocket);
  for (let lives = 1; lives < 4; lives += 1) {
    await served(daemon, lives);
    assert.equal(await call(t, foreign.switchSocket), EMPTY_LIST);
    await kill(foreign);
    foreign = await startSwitch(t, directory);
  }
  await served(daemon, 4);
  const lost = daemon.log.filter(({ msg }) => msg.includes(' is away: '));
  assert.equal(lost.length, 3);
});

test('a switch that comes after the daemon is joined; until then diagnostics tells that it is away', async (t) => {
  const directory = join(tempDirectory(t), 'switch');
  const path = join(directory, 'switch.sock');
  const daemon = await joinSwitch(t, path);
  const { level, msg } = await daemon.logged(({ msg: text }) => text.includes(' is away: '));
  assert.equal(level, 'warn');
  assert.equal(msg, `the switch at ${path} is away: connect ENOENT ${path}`);
  assert.match(await diagnostics(t, daemon), /: away for [0-9]+ m?s: connect ENOENT /);
  await startSwitch(t, directory);
  await served(daemon, 1);
  assert.equal(await call(t, path), EMPTY_LIST);
});

test('a call that waits at SIGTERM is still answered over the switch', async (t) => {
  const foreign = await startSwitch(t, join(tempDirectory(t), 'switch'));
  const store = join(tempDirectory(t), 'no-store');
  const daemon = await joinSwitch(t, foreign.switchSocket, [
    '--log.level=debug',
    '--xenstore.mode=socket',
    `--xenstore.socket=${store}`,
    '--xenstore.startTimeout=1s',
  ]);
  await served(daemon, 1);
  const answer = call(t, foreign.switchSocket);
  const observer = await connectClient(t, foreign.switchSocket);
  // It has been fetched when the trace tells of a delivery.
  for (let trace = ''; !trace.includes('"output":"datapathd:'); ) {
    observer.send('GET /trace HTTP/1.1\r\n\r\n');
    let length = 0;
    for (let line = ''; line !== '\r'; ) {
      line = await observer.receiveLine();
      length = Number(/^content-length: ([0-9]+)/i.exec(line)?.[1] ?? length);
    }
    trace = (await observer.receive(length)).toString();
  }
  await stop(daemon);
  assert.equal(await answer, EMPTY_LIST);
});

test('SIGTERM ends it while the switch is away, and while it is there', async (t) => {
  const foreign = await startSwitch(t, join(tempDirectory(t), 'switch'));
  for (const path of [foreign.switchSocket, '/nowhere/switch.sock']) {
    const daemon = await joinSwitch(t, path);
    await daemon.logged(({ msg }) => msg.includes('the switch at '));
    await stop(daemon);
    assert.deepEqual(
      readdirSync(daemon.directory).filter((name) => name.endsWith(QUEUE)),
      [],
    );
  }
});
