import assert from 'node:assert/strict';
import { chmodSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPlugin } from '../../src/cli/plugin/directory.ts';
import { lint } from '../../src/cli/plugin/lint.ts';
import { ctl } from './helpers.ts';
import { replace, replaceInProgram, skeleton } from './storage-helpers.ts';

/** What is spoilt, and what lint says: an error, or a warning. */
const SPOILT: readonly (readonly [
  what: string,
  spoil: (directory: string) => void,
  'error' | 'warning',
  RegExp,
])[] = [
  [
    'no Plugin.Query',
    (d) => rmSync(join(d, 'Plugin.Query')),
    'error',
    /there is no executable Plugin\.Query/,
  ],
  [
    'a file that others may write',
    (d) => chmodSync(join(d, 'main.sh'), 0o757),
    'error',
    /main\.sh can be written by everybody/,
  ],
  [
    'a link out of the directory',
    (d) => symlinkSync('/bin/true', join(d, 'out')),
    'error',
    /links out of the plugin's directory/,
  ],
  [
    'two files of one method',
    (d) => symlinkSync('main.sh', join(d, 'sr.ls')),
    'error',
    /are the same method/,
  ],
  [
    'a needed script that is not there',
    (d) => rmSync(join(d, 'SR.stat')),
    'error',
    /there is no executable SR\.stat: no SR can be used/,
  ],
  [
    'a script that is not executable',
    (d) => replace(d, 'SR.probe', '#!/bin/sh\n', 0o644),
    'warning',
    /SR\.probe is not executable/,
  ],
  [
    'an interpreter that is not there',
    (d) => replace(d, 'SR.probe', '#!/no/where -x\n'),
    'error',
    /SR\.probe: its interpreter \/no\/where is not there/,
  ],
  [
    'a program that env does not find',
    (d) => replace(d, 'SR.probe', '#!/usr/bin/env -S no-such-program\n'),
    'error',
    /its interpreter no-such-program is not in PATH/,
  ],
  [
    'a line of another system',
    (d) => replace(d, 'SR.probe', '#!/bin/sh\r\n'),
    'error',
    /ends with a carriage return/,
  ],
  ['a script without #!', (d) => replace(d, 'SR.probe', 'echo\n'), 'warning', /it has no #! line/],
  [
    'a method that is none',
    (d) => symlinkSync('main.sh', join(d, 'Volume.crate')),
    'warning',
    /no interface has a method of this name: is it Volume\.create\?/,
  ],
  [
    'a method of another kind',
    (d) => symlinkSync('main.sh', join(d, 'Datapath.attach')),
    'warning',
    /it is a method of a datapath plugin/,
  ],
  [
    'a feature without its script',
    (d) => rmSync(join(d, 'Volume.clone')),
    'warning',
    /lists the feature VDI_CLONE and has no executable Volume\.clone/,
  ],
  [
    'a version that is not known',
    (d) => replaceInProgram(d, '"5.0"', '"9.0"'),
    'error',
    /required_api_version: expected one of 3\.0, 4\.0, 5\.0, got "9\.0"/,
  ],
  [
    'a field that is missing',
    (d) => replaceInProgram(d, '"vendor"', '"seller"'),
    'error',
    /Plugin\.Query\.vendor: expected string, got nothing/,
  ],
  [
    'another type than the queue has',
    (d) => replaceInProgram(d, '"plugin": "mine"', '"plugin": "other"'),
    'warning',
    /plugin is "other", and the queue ends with "mine"/,
  ],
  [
    'a Plugin.Query that fails',
    (d) => replace(d, 'Plugin.Query', '#!/bin/sh\necho why >&2\nexit 4\n'),
    'error',
    /Plugin\.Query: .*exit 4.*\(why\)/,
  ],
];
for (const [what, spoil, level, expected] of SPOILT) {
  test(`lint tells of ${what}`, async (t) => {
    const directory = skeleton(t);
    spoil(directory);
    const alone = await openPlugin(directory, { kind: undefined, timeout: undefined, wrote: () => {} });
    t.after(() => alone.close());
    const { problems } = await lint(alone);
    const found = problems.filter((problem) => problem.level === level);
    assert.ok(
      found.some(({ about, text }) => expected.test(`${about}: ${text}`)),
      JSON.stringify(problems),
    );
  });
}

test('lint fails for an error, and not for a warning', async (t) => {
  const directory = skeleton(t);
  replace(directory, 'SR.probe', 'echo\n');
  const warned = await ctl(t, ['plugin', 'lint', directory]);
  assert.deepEqual([warned.status, warned.stderr], [0, '']);
  assert.match(
    warned.stdout,
    /^warning: SR\.probe: it has no #! line: it is run by \/bin\/sh\nvolume plugin /,
  );
  rmSync(join(directory, 'SR.stat'));
  const failed = await ctl(t, ['plugin', 'lint', directory]);
  assert.equal(failed.status, 1);
  assert.match(failed.stdout, /^error: SR\.stat: there is no executable SR\.stat/m);
  assert.equal(failed.stderr, 'datapathctl: 1 error: mend what is said above\n');
});

test('lint takes the name of a plugin from its directory, and its kind from the folder or --kind', async (t) => {
  const directory = skeleton(t);
  const elsewhere = join(directory, '../../some name');
  renameSync(directory, elsewhere);
  const unsaid = await ctl(t, ['plugin', 'lint', elsewhere]);
  assert.equal(unsaid.status, 2);
  assert.match(unsaid.stderr, /is in no folder called volume or datapath: say with --kind what it is/);
  const { status, stdout } = await ctl(t, ['plugin', 'lint', elsewhere, '--kind', 'volume']);
  assert.equal(status, 1);
  assert.match(
    stdout,
    /^error: .*: expected the name of a queue: letters, digits and \. _ : -, got "some name"$/m,
  );
});
