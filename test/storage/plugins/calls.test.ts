import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeProgram } from '../../helpers/plugins.ts';
import { asFailed, asResult, onePlugin, python, shell } from './helpers.ts';

/** What a script is given, and what its answer and its errors become. */

const answers = (text: string): string => shell(`cat > /dev/null\ncat <<'END'\n${text}\nEND`);

test('a call runs the file of its name, whatever its case, and gives what that prints', async (t) => {
  const { plugin } = await onePlugin(t, { 'SR.attach': answers('"a handle"') });
  assert.equal(asResult(await plugin.call('SR.attach', {})), 'a handle');
  assert.equal(asResult(await plugin.call('sr.ATTACH', {})), 'a handle');
  assert.deepEqual([plugin.has('SR.ATTACH'), plugin.has('SR.detach')], [true, false]);
  assert.deepEqual([...plugin.methods], ['plugin.query', 'sr.attach']);
});

test('a method without a file is missing, and so is one whose name is a path', async (t) => {
  const { plugin } = await onePlugin(t, { 'SR.attach': answers('1') });
  for (const method of [
    'SR.detach',
    '../SR.attach',
    './SR.attach',
    'SR.attach/',
    'SR.attach\0',
    '',
    '__proto__',
  ]) {
    assert.deepEqual(await plugin.call(method, {}), { type: 'missing' }, method);
  }
});

test('a script gets --json, the params on its input, and the plugin’s directory to stand in', async (t) => {
  const { plugin, directory } = await onePlugin(t, {
    'SR.stat': python(
      'import json, os, sys\nprint(json.dumps([sys.argv, json.load(sys.stdin), os.getcwd()]))',
    ),
  });
  assert.deepEqual(asResult(await plugin.call('SR.stat', { dbg: 'a', sr: 'b' })), [
    [join(directory, 'SR.stat'), '--json'],
    { dbg: 'a', sr: 'b' },
    directory,
  ]);
});

test('integers of 64 bits and all characters come through in both directions as they are', async (t) => {
  const { plugin } = await onePlugin(t, {
    'Volume.stat': python('import json, sys\nprint(json.dumps(json.load(sys.stdin), ensure_ascii=False))'),
    'Volume.set': shell('cat'),
  });
  const params = {
    size: 9_223_372_036_854_775_807n,
    least: -9_223_372_036_854_775_808n,
    name: 'ä\u0000"\\€😀\n',
  };
  assert.deepEqual(asResult(await plugin.call('Volume.stat', params)), params);
  assert.deepEqual(asResult(await plugin.call('Volume.set', params)), params);
});

test('nothing of the params is a word for a shell', async (t) => {
  const { plugin, directory } = await onePlugin(t, { 'Volume.set': shell('cat') });
  const params = { key: `$(touch ${directory}/oops); \`touch ${directory}/oops\`` };
  assert.deepEqual(asResult(await plugin.call('Volume.set', params)), params);
  assert.equal(existsSync(join(directory, 'oops')), false);
});

test('a script has the named variables, a UTF-8 locale, and nothing else', async (t) => {
  process.env.DATAPATHD_TEST_NAMED = 'ö';
  process.env.DATAPATHD_TEST_OTHER = 'secret';
  t.after(() => {
    delete process.env.DATAPATHD_TEST_NAMED;
    delete process.env.DATAPATHD_TEST_OTHER;
  });
  const { plugin } = await onePlugin(
    t,
    { 'SR.ls': python('import json, os\nprint(json.dumps(dict(os.environ)))') },
    { environment: ['PATH', 'DATAPATHD_TEST_NAMED', 'DATAPATHD_TEST_ABSENT'] },
  );
  assert.deepEqual(asResult(await plugin.call('SR.ls', { dbg: 'without a trace' })), {
    PATH: process.env.PATH,
    DATAPATHD_TEST_NAMED: 'ö',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
  });
});

test('the trace that dbg carries is in TRACEPARENT, in either form, and only when it is one', async (t) => {
  const { plugin } = await onePlugin(t, {
    'SR.ls': shell('cat > /dev/null; echo "\\"$TRACEPARENT\\""'),
  });
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const seen = async (dbg: string) => asResult(await plugin.call('SR.ls', { dbg }));
  assert.equal(await seen(`VDI.attach\n${trace}`), trace);
  assert.equal(await seen(`VDI.attach\n{"traceparent":"${trace}","tracestate":""}`), trace);
  for (const dbg of [trace, 'a\n', 'a\n{', 'a\n{"traceparent":1}', 'a\nnull', `a\n${trace}; rm`]) {
    assert.equal(await seen(dbg), '', dbg);
  }
});

test('a script may open its files by name, as a pipe can be', async (t) => {
  const { plugin } = await onePlugin(t, {
    'SR.ls': shell('cat /dev/stdin > /dev/stdout; echo told > /dev/stderr'),
  });
  assert.deepEqual(asResult(await plugin.call('SR.ls', { a: 1 })), { a: 1 });
});

test('a script need not read its input, however long that is', async (t) => {
  const { plugin } = await onePlugin(t, { 'SR.ls': shell('echo 1') });
  assert.equal(asResult(await plugin.call('SR.ls', { long: 'x'.repeat(1_000_000) })), 1);
});

test('the error that a script tells of comes whole, its backtrace as it is or as JSON', async (t) => {
  const failing = (text: string): string => `${answers(text)}\nexit 1`;
  const { plugin } = await onePlugin(t, {
    'SR.attach': failing(
      '{"code":"SR_does_not_exist","params":["a","é"],"backtrace":{"error":"x","files":[1]}}',
    ),
    'SR.detach': failing('{"code":"Sr_not_attached","params":[],"backtrace":"as text"}'),
    'SR.stat': failing('{"code":"Cancelled"}'),
  });
  const told = async (method: string) => {
    const outcome = await plugin.call(method, {});
    return outcome.type === 'error' ? [outcome.code, outcome.params, outcome.backtrace] : outcome;
  };
  assert.deepEqual(await told('SR.attach'), ['SR_does_not_exist', ['a', 'é'], '{"error":"x","files":[1]}']);
  assert.deepEqual(await told('SR.detach'), ['Sr_not_attached', [], 'as text']);
  assert.deepEqual(await told('SR.stat'), ['Cancelled', [], '']);
});

const FAILURES = [
  {
    what: 'an exit without words',
    body: 'exit 3',
    status: 'exit 3',
    reason: /: exit 3 after \S+ s: it printed nothing$/,
  },
  {
    what: 'an exit with junk',
    body: 'echo Traceback; exit 1',
    status: 'exit 1',
    reason: /no answer: no JSON/,
  },
  {
    what: 'an error without a code',
    body: 'echo \'{"params":[]}\'; exit 1',
    status: 'exit 1',
    reason: /is no error$/,
  },
  {
    what: 'an error whose params are no texts',
    body: 'echo \'{"code":"a","params":[1]}\'; exit 1',
    status: 'exit 1',
    reason: /is no error$/,
  },
  {
    what: 'a good exit with junk',
    body: 'echo hello; exit 0',
    status: 'exit 0',
    reason: /no answer: no JSON/,
  },
  { what: 'a good exit without an answer', body: 'exit 0', status: 'exit 0', reason: /no text at all/ },
  { what: 'two answers', body: 'echo 1 2', status: 'exit 0', reason: /something follows the text/ },
  {
    what: 'a name that comes twice',
    body: 'echo \'{"a":1,"a":2}\'',
    status: 'exit 0',
    reason: /comes twice/,
  },
  {
    what: 'a signal',
    body: 'echo 1; kill -SEGV $$',
    status: 'signal SIGSEGV',
    reason: /: signal SIGSEGV after \S+ s$/,
  },
];

for (const { what, body, status, reason } of FAILURES) {
  test(`a failure tells the plugin, the method, how it ended and what was written: ${what}`, async (t) => {
    const { plugin, plugins, directory } = await onePlugin(t, {
      'SR.attach': shell(`cat > /dev/null; echo "it is broken" >&2; ${body}`),
    });
    const failed = asFailed(await plugin.call('SR.attach', {}));
    assert.equal(failed.status, status);
    assert.match(failed.reason, reason);
    assert.ok(failed.reason.startsWith('org.xen.xapi.storage.mine SR.attach: '), failed.reason);
    assert.equal(failed.script, join(directory, 'SR.attach'));
    assert.equal(failed.stderr, 'it is broken\n');
    const line = plugins.logged.find(({ text }) => text === failed.reason);
    assert.equal(line?.level, 'warn');
    assert.equal(line?.fields.stderr, 'it is broken\n');
  });
}

const UNSTARTABLE = [
  {
    what: 'an interpreter that is not there',
    text: '#!/nonexistent/python\n',
    reason: /ENOENT: .*interpreter/,
  },
  { what: 'an interpreter that is no program', text: '#!/etc/passwd\n', reason: /EACCES/ },
];

for (const { what, text, reason } of UNSTARTABLE) {
  test(`a file that can not be executed is a failure that says why: ${what}`, async (t) => {
    const { plugin } = await onePlugin(t, { 'SR.attach': text });
    const failed = asFailed(await plugin.call('SR.attach', {}));
    assert.match(failed.status, /^not run: /);
    assert.match(failed.reason, reason);
  });
}

test('a file that is being written is tried again until it is whole', async (t) => {
  const { plugin, plugins, directory } = await onePlugin(t, { 'SR.attach': answers('1') });
  const writer = openSync(join(directory, 'SR.attach'), 'r+');
  const outcome = plugin.call('SR.attach', {});
  await plugins.logs(({ text }) => text.includes('open for writing'));
  closeSync(writer);
  assert.equal(asResult(await outcome), 1);
});

test('a method may be a link to a program in the directory, which sees the name of the link', async (t) => {
  const { registry, plugin, directory } = await onePlugin(t, {
    'program.sh': shell('cat > /dev/null; echo "\\"$(basename "$0")\\""'),
    'SR.stat': answers('"a file"'),
  });
  unlinkSync(join(directory, 'SR.stat'));
  symlinkSync('program.sh', join(directory, 'SR.stat'));
  assert.equal(asResult(await plugin.call('SR.stat', {})), 'SR.stat');
  assert.ok(registry.get('volume', plugin.name));
});

test('what a script leaves running does not hold up its answer, and goes on', async (t) => {
  const { plugin, directory } = await onePlugin(t, {
    // It keeps the script's stdout and stderr.
    'Datapath.attach': shell('cat > /dev/null; sleep 1000 & echo $! > pid; echo 1'),
  });
  assert.equal(asResult(await plugin.call('Datapath.attach', {})), 1);
  const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
  assert.ok(process.kill(pid, 'SIGKILL'));
});

test('an answer much larger than a pipe comes whole, although the script has ended', async (t) => {
  const { plugin } = await onePlugin(t, { 'SR.ls': python("print('\"' + 'x' * 900000 + '\"')") });
  assert.equal(asResult(await plugin.call('SR.ls', {})), 'x'.repeat(900_000));
});

test('stderr is logged while the script runs, a line each, with what it is about', async (t) => {
  const { plugin, plugins, directory } = await onePlugin(t, {
    'Volume.copy': shell(`cat > /dev/null
      echo "10 %" >&2; printf "no end" >&2
      while [ ! -e go ]; do sleep 0.01; done
      echo " of line" >&2; echo 1`),
  });
  const outcome = plugin.call('Volume.copy', { sr: 'the sr', key: 'the volume' });
  const { fields } = await plugins.logs((line) => line.fields.stderr === '10 %');
  const { pid, ...rest } = fields;
  assert.equal(typeof pid, 'number');
  assert.deepEqual(rest, {
    plugin: 'org.xen.xapi.storage.mine',
    method: 'Volume.copy',
    sr: 'the sr',
    volume: 'the volume',
    stderr: '10 %',
  });
  writeProgram(join(directory, 'go'), '');
  await outcome;
  await plugins.logs((line) => line.fields.stderr === 'no end of line');
});

test('of stderr a failure keeps the last 4 KiB, in whole characters, and the log gets as much as it is allowed', async (t) => {
  const { plugin, plugins } = await onePlugin(
    t,
    {
      'SR.ls': python(
        "import sys\nfor i in range(3000): sys.stderr.write('€%04d\\n' % i)\nsys.stderr.write('x')\nsys.exit(2)",
      ),
    },
    { maxLoggedBytes: 1000 },
  );
  const { stderr } = asFailed(await plugin.call('SR.ls', {}));
  assert.ok(stderr.endsWith('€2998\n€2999\nx'));
  assert.ok(stderr.length <= 4096 && !stderr.includes('\uFFFD'));
  const lines = plugins.logged.flatMap(({ text, fields }) =>
    text === 'a script wrote' ? [fields.stderr] : [],
  );
  assert.equal(lines.length, Math.floor(1000 / 8) + 1);
  assert.equal(lines.at(-1), 'more is not logged: plugins.maxLoggedBytes');
});

test('a line of stderr without end is logged in pieces', async (t) => {
  const { plugin, plugins } = await onePlugin(t, {
    'SR.ls': python("import sys\nsys.stderr.write('x' * 10000)\nprint(1)"),
  });
  await plugin.call('SR.ls', {});
  const lengths = plugins.logged.flatMap(({ fields: { stderr } }) =>
    typeof stderr === 'string' ? [stderr.length] : [],
  );
  assert.deepEqual(lengths, [4096, 4096, 1808]);
});
