import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { RUN_XENSTORED } from '../helpers/xenstored.ts';

const project = join(import.meta.dirname, '../..');
const README = readFileSync(join(project, 'README.md'), 'utf8');

/** The commands of a section with the output shown under them, where there is any. */
function shown(section: string): { command: string; output: string | undefined }[] {
  const text = README.split('\n## ').find((part) => part.startsWith(section)) ?? '';
  const block = /^```sh\n(.*?)^```\n(?:\n```\n(.*?)^```)?/gms;
  return [...text.matchAll(block)].map(([, command = '', output]) => ({ command, output }));
}

const isNpm = ({ command }: { command: string }): boolean => command.startsWith('npm ci');

test("the first success is as the README shows it: each command's output", async (t) => {
  const cwd = tempDirectory(t);
  const daemon = await startDaemonProcess(t, { directory: join(cwd, 'run') });
  await daemon.logged(({ msg }) => msg.includes('is fresh'));
  const examples = shown('First success').filter((example) => !isNpm(example));
  assert.equal(examples.length, 2);
  for (const { command, output } of examples) {
    const { stdout, stderr } = await runProgram(t, RUN_XENSTORED, ['--client', cwd, 'bash', '-c', command], {
      cwd,
    });
    assert.equal(stderr, '');
    assert.equal(stdout, output);
  }
});

test('what the README shows of the start is what the daemon prints', async (t) => {
  const cwd = tempDirectory(t);
  const daemon = await startDaemonProcess(t, { cwd, directory: './run' });
  const [start] = shown('First success');
  const text = await daemon.printed(/socat/);
  assert.ok(text.startsWith(start?.output ?? 'no output is shown'), text);
});

test('the commands that need the project itself work as the README has them', async (t) => {
  const cwd = tempDirectory(t);
  const daemon = await startDaemonProcess(t, { directory: join(cwd, 'run') });
  const examples = shown('Talking to it');
  assert.equal(examples.length, 2);
  for (const { command } of examples) {
    // From the project's folder, but for the switch that this test has started.
    const env = { DATAPATHD_SWITCH_PATH: daemon.switchSocket };
    const { status, stdout, stderr } = await runProgram(t, 'bash', ['-c', command], { cwd: project, env });
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /"result":\[\]|^datapathd\n {2}version/);
  }
});

for (const page of [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...globSync('docs/*.md', { cwd: project }),
]) {
  test(`the links and files that ${page} names are there`, () => {
    const text = readFileSync(join(project, page), 'utf8');
    // In code, brackets are no links.
    const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '');
    const links = [...prose.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = '']) =>
      join(dirname(page), path),
    );
    const named = [...text.matchAll(/`((?:src|test|docs|config|systemd)\/[A-Za-z0-9_./-]+)`/g)].map(
      ([, path = '']) => path,
    );
    for (const path of [...links, ...named]) assert.ok(existsSync(join(project, path)), path);
  });
}
