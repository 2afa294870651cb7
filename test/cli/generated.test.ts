import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands.ts';
import { renderBash } from '../../src/cli/completion/bash.ts';
import { renderFish } from '../../src/cli/completion/fish.ts';
import { optionsOf } from '../../src/cli/completion/words.ts';
import { renderZsh } from '../../src/cli/completion/zsh.ts';
import { renderManPage } from '../../src/cli/man-page.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { ctl } from './helpers.ts';

/** What bash offers behind these words, the last of which is the one to complete. */
function offered(t: TestContext, words: readonly string[], queues = ''): string[] {
  const folder = tempDirectory(t);
  writeFileSync(join(folder, 'datapathctl'), `#!/bin/sh\nprintf '%s' "$QUEUES"\n`, { mode: 0o755 });
  const script = `${renderBash(COMMANDS)}
compopt() { :; }
COMP_WORDS=(datapathctl "$@")
COMP_CWORD=$#
_datapathctl
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}`, QUEUES: queues };
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], {
    env,
    encoding: 'utf8',
    cwd: folder,
  });
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

const OFFERED: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['t'], ['top', 'tail', 'trace']],
  [
    ['queue', ''],
    ['show', 'purge', 'requeue'],
  ],
  [['queue', 'requeue', '--t'], ['--to']],
  [['call', 'q', '--timeout', '5', '--f'], ['--file']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['call', '--file', 'data'], ['datapathctl']],
  [
    ['call', ''],
    ['one.queue', 'two.queue'],
  ],
  [['call', '--timeout', '5', 'o'], ['one.queue']],
  [['call', 'one.queue', ''], []],
  [['list', '--prefix', ''], []],
  // With = in it, a word is three for bash.
  [['call', '--file', '=', 'data'], ['datapathctl']],
  [['call', '--file', '='], ['datapathctl']],
  [
    ['queue', 'requeue', 'q', '--to', '='],
    ['one.queue', 'two.queue'],
  ],
  [['call', '--path', '=', '/x', 'o'], ['one.queue']],
  [['plugin', 'test', '--device-config', 'a', '=', 'b', '=', 'c', 'data'], ['datapathctl']],
  [['log', 'level', 'rpc', '=', 'd'], []],
];
for (const [words, expected] of OFFERED) {
  test(`bash offers ${expected.join(', ') || 'nothing'} behind ${JSON.stringify(words)}`, (t) => {
    assert.deepEqual(offered(t, words, 'one.queue\ntwo.queue\n'), expected);
  });
}

test('a name of a queue is never carried out by the completion', (t) => {
  assert.deepEqual(offered(t, ['call', ''], '$(touch bad)\n'), ['\\$\\(touch\\ bad\\)']);
});

/** What fish offers behind a line, without what it says of it. */
const offeredByFish = (t: TestContext, line: string): string[] => {
  const folder = tempDirectory(t);
  writeFileSync(join(folder, 'datapathctl'), '#!/bin/sh\necho one.queue\n', { mode: 0o755 });
  const words = ['--no-config', '-c', `${renderFish(COMMANDS)}\ncomplete -C "${line}"`];
  const env = { ...process.env, HOME: folder, PATH: `${folder}${delimiter}${process.env.PATH}` };
  const { stdout, stderr } = spawnSync('fish', words, { env, encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout.split('\n').flatMap((each) => each.split('\t')[0] || []);
};

test('fish offers each command its own options alone, also where another ends in the same word', (t) => {
  for (const command of COMMANDS) {
    const expected = optionsOf(command).map(({ flag }) => flag);
    assert.deepEqual(offeredByFish(t, `datapathctl ${command.name} --`), expected.sort(), command.name);
  }
});

test('fish offers words where they may stand, whatever the words before say', (t) => {
  assert.deepEqual(offeredByFish(t, 'datapathctl sr '), ['list', 'show']);
  assert.deepEqual(offeredByFish(t, 'datapathctl call --timeout 5 '), ['one.queue']);
  assert.deepEqual(offeredByFish(t, 'datapathctl call one.queue '), []);
  assert.deepEqual(offeredByFish(t, 'datapathctl plugin new datapath '), []);
});

const SHELLS = [
  { shell: 'bash', render: renderBash, check: ['-n'] },
  { shell: 'zsh', render: renderZsh, check: ['-n'] },
  { shell: 'fish', render: renderFish, check: ['--no-execute'] },
];
for (const { shell, render, check } of SHELLS) {
  test(`completion ${shell} prints a script with every command and every option`, async (t) => {
    const { stdout, status } = await ctl(t, ['completion', shell]);
    assert.equal(status, 0);
    assert.equal(stdout, render(COMMANDS));
    for (const { name, options } of COMMANDS) {
      for (const word of [...name.split(' '), ...Object.keys(options)]) {
        const typed = word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        assert.match(stdout, new RegExp(`\\b${typed}\\b`), `${word} of ${name}`);
      }
    }
  });

  test(`${shell} can read its completion`, (t) => {
    const path = join(tempDirectory(t), 'completion');
    writeFileSync(path, render(COMMANDS));
    const { status, stderr } = spawnSync(shell, [...check, path], { encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });
}

test('an option has a value in all commands or in none, as the completions rely on', () => {
  const kinds = new Map<string, Set<boolean>>();
  for (const { options } of COMMANDS) {
    for (const [name, { value }] of Object.entries(options)) {
      kinds.set(name, (kinds.get(name) ?? new Set()).add(value !== undefined));
    }
  }
  for (const [name, both] of kinds) assert.equal(both.size, 1, name);
});

test('the man page has every command and option, and nothing in a text is taken for a request', () => {
  const page = renderManPage(COMMANDS);
  for (const { name, options } of COMMANDS) {
    assert.match(page, new RegExp(`^\\.SS "${name}`, 'm'));
    for (const option of Object.keys(options)) {
      const typed = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      assert.ok(page.includes(`\\-\\-${typed.replace(/-/g, '\\-')}`), option);
    }
  }
  const requests = new Set([...page.matchAll(/^([.'][^ \n]*)/gm)].map(([request]) => request));
  assert.deepEqual([...requests].sort(), ['.B', '.EE', '.EX', '.I', '.PP', '.SH', '.SS', '.TH', '.TP']);
});

test('man prints the page', async (t) => {
  assert.equal((await ctl(t, ['man'])).stdout, renderManPage(COMMANDS));
});

test('groff has nothing to say against the man page', () => {
  const { stderr, status } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z'], {
    input: renderManPage(COMMANDS),
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  assert.equal(status, 0);
});
