import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { tempDirectory } from '../helpers/temp.ts';

const project = join(import.meta.dirname, '../..');

/** Without the project's own programs: the Node that the machine itself has. */
const machinePath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter);

test("npm ci prints no warning under the machine's own Node", async (t) => {
  const directory = tempDirectory(t);
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
    copyFileSync(join(project, file), join(directory, file));
  }
  const plain = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  // A newcomer's npm has nothing in its cache, and has not looked for a newer npm yet.
  const env = { ...Object.fromEntries(plain), PATH: machinePath, npm_config_cache: join(directory, 'cache') };
  const { stdout, stderr } = await promisify(execFile)('npm', ['ci'], { cwd: directory, env });
  assert.equal(stderr, '');
  assert.match(stdout, /^\s*added \d+ packages/);
});
