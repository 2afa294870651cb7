import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { configFrom, resolveSwitchPath } from '../../src/config.ts';
import { tempDirectory } from '../helpers/temp.ts';

const OURS = join(import.meta.dirname, '../../systemd');
const UNIT = 'datapathd.service';
const SOCKET = 'datapathd.socket';
const PLUGINS = 'datapathd.service.d/storage-plugins.conf';
const NETWORK = 'datapathd.service.d/network.conf';
const INSTEAD = 'datapathd.service.d/instead-of-xapi-services.conf';
const SYSTEM_UNITS = '/usr/lib/systemd/system';

/** A root in which the program is installed; the units that every system has are the machine's own. */
function rootWith(t: TestContext, files: readonly string[]): { root: string; units: string } {
  const root = tempDirectory(t);
  const units = join(root, SYSTEM_UNITS);
  mkdirSync(units, { recursive: true });
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync('usr/bin', join(root, 'bin'));
  for (const path of globSync(`${SYSTEM_UNITS}/*.{target,slice,mount}`)) {
    copyFileSync(path, join(units, basename(path)));
  }
  for (const file of files) cpSync(join(OURS, file), join(units, file));
  for (const program of ['datapathd', 'kill']) {
    writeFileSync(join(root, 'usr/bin', program), '#!/bin/sh\n');
    chmodSync(join(root, 'usr/bin', program), 0o755);
  }
  return { root, units };
}

function analyze(words: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** How exposed the service is, from 0 to 10. */
function exposure(units: string): number {
  const { output } = analyze(['security', '--offline=true', '--no-pager', join(units, UNIT)]);
  const [, score] = /Overall exposure level for \S+: ([0-9.]+) /.exec(output) ?? [];
  assert.ok(score !== undefined, output);
  return Number(score);
}

for (const [name, files, unit] of [
  ['the unit', [UNIT], UNIT],
  ['the unit with plugins', [UNIT, PLUGINS], UNIT],
  ['the unit with the network', [UNIT, NETWORK], UNIT],
  ["the unit in the place of xapi's services", [UNIT, INSTEAD], UNIT],
  ['the unit with all of that', [UNIT, PLUGINS, NETWORK, INSTEAD], UNIT],
  ['the unit of a host with little memory', [UNIT, 'datapathd.service.d/small-host.conf'], UNIT],
  ['the socket unit', [UNIT, SOCKET], SOCKET],
] as const) {
  test(`systemd accepts ${name} without a word`, (t) => {
    const { root } = rootWith(t, files);
    assert.deepEqual(analyze(['verify', '--man=no', `--root=${root}`, unit]), { status: 0, output: '' });
  });
}

/** The score that a file says it has. */
function saidIn(file: string): number {
  const [, score] = /gives it ([0-9.]+)\sof\s(?:# )?10/.exec(readFileSync(join(OURS, file), 'utf8')) ?? [];
  assert.ok(score !== undefined, `${file} says no score`);
  return Number(score);
}

for (const [name, files, file] of [
  ['the service', [UNIT], UNIT],
  ['the service with the network', [UNIT, NETWORK], NETWORK],
  ['the service with plugins', [UNIT, PLUGINS], PLUGINS],
] as const) {
  test(`${name} is no more open than its file says`, (t) => {
    const score = exposure(rootWith(t, files).units);
    assert.ok(score <= saidIn(file), `${score}`);
  });
}

test('the service is shut nearly altogether', (t) => {
  const score = exposure(rootWith(t, [UNIT]).units);
  assert.ok(score <= 1.2, `${score}`);
});

test('the socket unit listens where the daemon does by default', () => {
  const text = readFileSync(join(OURS, SOCKET), 'utf8');
  const paths = [...text.matchAll(/^ListenStream=(.*)$/gm)].map(([, path]) => path);
  const { config } = configFrom([]);
  const queue = join(config.sockets.directory, config.datapath.queue);
  assert.deepEqual(paths, [resolveSwitchPath(config), queue]);
});

test("in the place of xapi's services it has their names while it is enabled, and they have them again afterwards", (t) => {
  const { root, units } = rootWith(t, [UNIT, INSTEAD]);
  const names = ['message-switch.service', 'xapi-storage-script.service'];
  for (const name of names) writeFileSync(join(units, name), '[Service]\nExecStart=/usr/bin/old\n');
  const systemctl = (verb: string): void => {
    const { status, stderr } = spawnSync('systemctl', [`--root=${root}`, verb, UNIT], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const links = (): string[] =>
    readdirSync(join(root, 'etc/systemd/system')).filter((name) => names.includes(name));
  systemctl('enable');
  assert.deepEqual(
    links().map((name) => basename(readlinkSync(join(root, 'etc/systemd/system', name)))),
    [UNIT, UNIT],
  );
  systemctl('disable');
  assert.deepEqual(links(), []);
});
