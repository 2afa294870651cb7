import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Plugin } from '../../../src/storage/plugins/plugin.ts';
import type { PluginSettings } from '../../../src/storage/plugins/settings.ts';
import { writeProgram } from '../../helpers/plugins.ts';
import {
  asFailed,
  asResult,
  HOUR,
  nextChange,
  onePlugin,
  printing,
  python,
  registered,
  shell,
  untilThere,
} from './helpers.ts';

/** Processes that serve many calls. */

const FEATURES = { features: ['PERSISTENT_WORKER'] };

/** What the worker of the tests does is in the params: `do`. Each answer has the worker's pid. */
const WORKER = python(`
import json, os, sys, time
assert sys.argv[1:] == ['--json-lines']
for line in sys.stdin:
    call = json.loads(line)
    params = call['params']
    do = params.get('do')
    if do == 'die': os.kill(os.getpid(), 9)
    if do == 'exit':
        sys.stderr.write('it is broken\\n')
        sys.exit(3)
    if do == 'hang': time.sleep(1000)
    if do == 'flood':
        while True: sys.stdout.write('x' * 10000)
    if do == 'hold':
        open(params['begun'], 'w').close()
        while not os.path.exists(params['go']): time.sleep(0.01)
    if do == 'tell': sys.stderr.write(params['text'] + '\\n')
    answer = {'jsonrpc': '2.0', 'id': call['id'], 'result': [os.getpid(), call['method'], params]}
    if do == 'junk': answer = None
    if do == 'other': answer['id'] = 0
    if do == 'fail':
        del answer['result']
        answer['error'] = {'code': 1, 'message': 'm', 'data': params['data']}
    print(json.dumps(answer) if answer else 'Traceback', flush=True)
    if do == 'more': print('more', flush=True)
sys.stderr.write('the worker ends by itself\\n')
`);

const start = (
  t: TestContext,
  settings: Partial<PluginSettings> = {},
  files: Readonly<Record<string, string>> = {},
) =>
  onePlugin(
    t,
    { 'SR.Stat': shell('exit 9'), 'SR.ls': shell('exit 9'), worker: WORKER, ...files },
    settings,
    FEATURES,
  );

async function pidOf(plugin: Plugin, params = {}): Promise<number> {
  const value = asResult(await plugin.call('SR.stat', params));
  const [pid] = Array.isArray(value) ? value : [];
  return Number(pid);
}

test('a worker serves one call after the other, and is told the method as its file is spelled', async (t) => {
  const { plugin, registry } = await start(t);
  const params = { dbg: 'ä', size: 9_007_199_254_740_993n };
  const first = asResult(await plugin.call('sr.stat', params));
  assert.ok(Array.isArray(first));
  assert.deepEqual(first.slice(1), ['SR.Stat', params]);
  assert.equal(await pidOf(plugin), first[0]);
  assert.deepEqual(
    registry.all().map(({ workers }) => workers),
    [1],
  );
});

test('a worker has the clean environment and the plugin’s directory', async (t) => {
  const worker = python(`
import json, os, sys
for line in sys.stdin:
    print(json.dumps({'id': json.loads(line)['id'], 'result': [dict(os.environ), os.getcwd(), sys.argv[0]]}), flush=True)`);
  const { plugin, directory } = await start(t, {}, { worker });
  const environment = { PATH: process.env.PATH, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const outcome = await plugin.call('SR.stat', { dbg: `a\n${trace}` });
  assert.deepEqual(asResult(outcome), [environment, directory, join(directory, 'worker')]);
});

test('as many calls as there may be workers are served at the same time, the others wait', async (t) => {
  const { plugin, registry, directory } = await start(t, { workers: 2 });
  const place = (name: string): string => join(directory, '../..', name);
  const held = ['a', 'b', 'c'].map((name) =>
    pidOf(plugin, { do: 'hold', begun: place(`begun-${name}`), go: place('go') }),
  );
  for (const name of ['begun-a', 'begun-b']) await untilThere(place(name));
  assert.deepEqual(registry.load(), { running: 2, waiting: 1 });
  assert.equal(existsSync(place('begun-c')), false);
  writeProgram(place('go'), '');
  assert.equal(new Set(await Promise.all(held)).size, 2);
  assert.deepEqual(
    registry.all().map(({ workers }) => workers),
    [2],
  );
});

test('the error in data is the script’s', async (t) => {
  const { plugin } = await start(t);
  const pid = await pidOf(plugin);
  const data = { code: 'Sr_not_attached', params: ['x'], backtrace: [1] };
  const outcome = await plugin.call('SR.stat', { do: 'fail', data });
  assert.ok(outcome.type === 'error');
  assert.deepEqual([outcome.code, outcome.params, outcome.backtrace], ['Sr_not_attached', ['x'], '[1]']);
  assert.equal(await pidOf(plugin), pid);
});

const ENDINGS = [
  { what: 'is killed', params: { do: 'die' }, status: 'signal SIGKILL', reason: /signal SIGKILL after/ },
  { what: 'exits', params: { do: 'exit' }, status: 'exit 3', reason: /exit 3 after/ },
  { what: 'takes too long', params: { do: 'hang' }, status: 'timed out after 0.1 s', reason: /timed out/ },
  { what: 'answers with junk', params: { do: 'junk' }, status: 'no answer', reason: /no answer: no JSON/ },
  { what: 'answers another call', params: { do: 'other' }, status: 'no answer', reason: /expected the id/ },
  {
    what: 'has an error of another form',
    params: { do: 'fail', data: { params: [] } },
    status: 'no answer',
    reason: /whose data has code/,
  },
] as const;

for (const { what, params, status, reason } of ENDINGS) {
  test(`a worker that ${what} fails its call only, and another one takes its place`, async (t) => {
    const { plugin, directory } = await start(t, { workers: 1, timeouts: [{ method: 'SR.ls', time: 100 }] });
    const pid = await pidOf(plugin);
    const method = params.do === 'hang' ? 'SR.ls' : 'SR.stat';
    const failed = asFailed(await plugin.call(method, params));
    assert.equal(failed.status, status);
    assert.match(failed.reason, reason);
    assert.ok(failed.reason.startsWith(`${plugin.name} ${method}: `));
    assert.equal(failed.script, join(directory, 'worker'));
    if (params.do === 'exit') assert.equal(failed.stderr, 'it is broken\n');
    assert.notEqual(await pidOf(plugin), pid);
  });
}

test('a worker that writes too much is ended', async (t) => {
  const { plugin } = await start(t, { maxOutputBytes: 5000 });
  assert.match(asFailed(await plugin.call('SR.stat', { do: 'flood' })).status, /plugins\.maxOutputBytes/);
});

test('a worker that writes without being asked is ended, and its answer is not another call’s', async (t) => {
  const { plugin } = await start(t, { workers: 1 });
  const outcomes = [];
  for (let round = 0; round < 3; round += 1)
    outcomes.push(await plugin.call('SR.stat', { do: 'more', round }));
  for (const [round, outcome] of outcomes.entries()) {
    if (outcome.type === 'failed') continue;
    const value = asResult(outcome);
    assert.deepEqual(Array.isArray(value) && value[2], { do: 'more', round });
  }
});

test('what a worker writes on stderr is logged with the call that it serves', async (t) => {
  const { plugin, plugins } = await start(t);
  await plugin.call('SR.stat', { do: 'tell', text: 'of the call', sr: 'x' });
  const { fields } = await plugins.logs((line) => line.fields.stderr === 'of the call');
  assert.deepEqual([fields.plugin, fields.method, fields.sr], [plugin.name, 'SR.stat', 'x']);
});

test('a failure has what was written on stderr during its own call', async (t) => {
  const { plugin } = await start(t, { workers: 1 });
  await plugin.call('SR.stat', { do: 'tell', text: 'of the call before' });
  assert.equal(asFailed(await plugin.call('SR.stat', { do: 'exit' })).stderr, 'it is broken\n');
});

test('a worker that can not be started fails the call', async (t) => {
  const { plugin } = await start(t, {}, { worker: '#!/nonexistent\n' });
  assert.match(asFailed(await plugin.call('SR.stat', {})).status, /^not run: ENOENT/);
});

test('when the plugin changes, the idle worker ends by itself and new calls go to a new one', async (t) => {
  const { plugin, plugins, registry, directory } = await start(t, { killGrace: HOUR });
  const pid = await pidOf(plugin);
  const replaced = nextChange(registry, 'replaced');
  writeProgram(join(directory, 'SR.detach'), printing([]));
  await replaced;
  await plugins.logs(({ fields }) => fields.stderr === 'the worker ends by itself');
  assert.notEqual(await pidOf(registered(registry)), pid);
});

test('a call under way when the plugin changes is answered by the worker that has it, which ends then', async (t) => {
  const { plugin, plugins, registry, directory } = await start(t, { killGrace: HOUR });
  const place = (name: string): string => join(directory, '../..', name);
  const held = pidOf(plugin, { do: 'hold', begun: place('begun'), go: place('go') });
  await untilThere(place('begun'));
  const replaced = nextChange(registry, 'replaced');
  writeProgram(join(directory, 'SR.detach'), printing([]));
  await replaced;
  writeProgram(place('go'), '');
  assert.ok((await held) > 0);
  await plugins.logs(({ fields }) => fields.stderr === 'the worker ends by itself');
});

test('a stop ends the workers, also one that does not end by itself', async (t) => {
  const stubborn = shell(`trap '' TERM; while :; do
    read -r line && echo '{"id":1,"result":'$$'}'
    sleep 0.1; done`);
  const { plugin, registry } = await start(t, {}, { worker: stubborn });
  const pid = Number(asResult(await plugin.call('SR.stat', {})));
  await registry.stop();
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

test('a plugin that does not list the feature has a process for each call', async (t) => {
  const { plugin } = await onePlugin(t, { 'SR.stat': printing(1), worker: WORKER });
  assert.equal(asResult(await plugin.call('SR.stat', {})), 1);
});

test('the program on the page for authors works, as a worker and as a process a call', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/plugins.md'), 'utf8');
  const [, program = ''] = /```python\n#!.*\n([\s\S]*?)```/.exec(page) ?? [];
  assert.ok(program.split('\n').length <= 40);
  const files = { 'Plugin.Query': python(program), 'SR.ls': python(program), 'SR.stat': python(program) };
  for (const worker of [{ worker: python(program) }, {}]) {
    const { plugin, registry } = await onePlugin(t, { ...files, ...worker });
    assert.equal(plugin.query.plugin, 'example');
    assert.deepEqual(asResult(await plugin.call('SR.ls', { dbg: '' })), []);
    const outcome = await plugin.call('SR.stat', { dbg: '', sr: 'x' });
    assert.ok(outcome.type === 'error');
    assert.deepEqual([outcome.code, outcome.params], ['Sr_not_attached', ['x']]);
    assert.match(outcome.backtrace, /^Traceback/);
    assert.deepEqual(
      registry.all().map(({ workers }) => workers),
      [Object.keys(worker).length],
    );
  }
});
