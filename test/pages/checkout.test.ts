import { cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { RUN_XENSTORED } from '../helpers/xenstored.ts';
import { PROJECT } from './markdown.ts';
import { IN_CHECKOUT } from './runs.ts';
import { typeSteps } from './session.ts';
import { assertAsShown, type Command, commandsOf, nameOf } from './steps.ts';

/** What somebody has who has cloned the project, with its packages or before they were installed. */
async function checkout(t: TestContext, installed: boolean): Promise<string> {
  const cwd = tempDirectory(t);
  const { stdout } = await runProgram(t, 'git', ['-C', PROJECT, 'ls-files', '-z']);
  for (const file of stdout.split('\0').filter((name) => name !== '' && !name.startsWith('test/'))) {
    cpSync(join(PROJECT, file), join(cwd, file), { verbatimSymlinks: true });
  }
  if (installed) symlinkSync(join(PROJECT, 'node_modules'), join(cwd, 'node_modules'));
  return cwd;
}

/** The machine's own programs, and those of Debian's packages that the pages name: nothing of what runs the tests. */
function environment(t: TestContext): NodeJS.ProcessEnv {
  const bin = tempDirectory(t);
  for (const program of ['xenstore-write', 'xenstore-rm']) {
    const text = `#!/bin/sh\nexec ${RUN_XENSTORED} --client / env XENSTORED_PATH="$XENSTORED_PATH" ${program} "$@"\n`;
    writeFileSync(join(bin, program), text, { mode: 0o755 });
  }
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^DATAPATHD_/i.test(name));
  const { PATH = '', ...env } = Object.fromEntries(own);
  const folders = PATH.split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return { ...env, PATH: [bin, ...folders].join(delimiter) };
}

for (const run of IN_CHECKOUT) {
  test(`what ${nameOf(run)} says works in a checkout`, async (t) => {
    const commands = commandsOf(run);
    const cwd = await checkout(t, !commands.some(({ step }) => step.text.startsWith('npm ci')));
    if (run.daemon === true) await startDaemonProcess(t, { directory: join(cwd, 'run') });
    await typeAll(t, cwd, commands);
  });
}

async function typeAll(t: TestContext, cwd: string, commands: readonly Command[]): Promise<void> {
  const steps = commands.map(({ step }) => step);
  const outcomes = await typeSteps(steps, { cwd, env: environment(t), memory: tempDirectory(t) });
  for (const [index, command] of commands.entries()) {
    await t.test(command.name, () => assertAsShown(command, outcomes[index]));
  }
}
