import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { tempDirectory } from '../helpers/temp.ts';

const UNIT = join(import.meta.dirname, '../../systemd/datapathd.service');
const SYSTEM_UNITS = '/usr/lib/systemd/system';

test('systemd accepts the unit without a word', (t) => {
  // A root in which the program is installed; the units that every system has are the machine's own.
  const root = tempDirectory(t);
  const units = join(root, SYSTEM_UNITS);
  mkdirSync(units, { recursive: true });
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  for (const path of globSync(`${SYSTEM_UNITS}/*.{target,slice,mount}`)) {
    copyFileSync(path, join(units, basename(path)));
  }
  copyFileSync(UNIT, join(units, 'datapathd.service'));
  writeFileSync(join(root, 'usr/bin/datapathd'), '#!/bin/sh\n');
  chmodSync(join(root, 'usr/bin/datapathd'), 0o755);

  const { status, stdout, stderr } = spawnSync(
    'systemd-analyze',
    ['verify', `--root=${root}`, 'datapathd.service'],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(stdout + stderr, '');
  assert.equal(status, 0);
});
