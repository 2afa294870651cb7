import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { outOfDate } from '../../docs/generate.ts';

const project = join(import.meta.dirname, '../..');

test('types and lint are clean', () => {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'check'], {
    cwd: project,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
});

test('the generated pages and the default file are what the code says', () => {
  assert.deepEqual(outOfDate(), []);
});
