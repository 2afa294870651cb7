import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PYTHON, writeProgram } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { DATAPATH_PLUGIN, good, PATH, type Run, SCHEME, scriptsOf } from './helpers.ts';

/**
 * The datapath plugin for raw files, by loop devices. Few machines that tests run on have any: a losetup stands in here
 * that keeps its table in a file, and a regular file for each device.
 */

const losetup = (table: string, devices: string): string => `#!${PYTHON} -ISE
import json, os, sys
table, devices = ${JSON.stringify(table)}, ${JSON.stringify(devices)}
rows = json.load(open(table)) if os.path.exists(table) else {}
words = sys.argv[1:]
if words[:1] == ["--find"]:
    assert words[1] == "--show" and all(word in ("--read-only", words[-1]) for word in words[2:]), words
    name = os.path.join(devices, "loop%d" % len(rows))
    open(name, "w").close()
    rows[name] = [words[-1], "--read-only" in words]
    print(name)
elif words[:3] == ["--list", "--noheadings", "--output=NAME"]:
    (associated,) = words[3:]
    print("".join(name + "\\n" for name in rows if "--associated=" + rows[name][0] == associated), end="")
elif words == ["--list", "--noheadings", "--raw", "--output=NAME,BACK-FILE"]:
    gone = {name: "" if os.path.exists(row[0]) else "\\\\x20(deleted)" for name, row in rows.items()}
    print("".join("%s %s%s\\n" % (name, rows[name][0], gone[name]) for name in rows), end="")
elif words[:1] == ["--detach"]:
    del rows[words[1]]
    os.unlink(words[1])
else:
    sys.exit("losetup: %s" % words)
json.dump(rows, open(table, "w"))
`;

interface Prepared {
  readonly run: Run;
  readonly directory: string;
  readonly file: string;
  readonly uri: string;
  readonly devices: () => string[];
  readonly call: (method: string, domain: string) => Promise<unknown>;
  /** Sets up a device beside the plugin. */
  readonly setUp: () => void;
}

function prepare(t: TestContext): Prepared {
  const folder = tempDirectory(t);
  const [directory, file, table] = [join(folder, 'run'), join(folder, 'a.raw'), join(folder, 'table')];
  writeFileSync(file, '');
  truncateSync(file, 4096);
  writeProgram(join(folder, 'losetup'), losetup(table, folder));
  const env = { RAW_FILE_RUN_DIRECTORY: directory, RAW_FILE_SERVER: 'loop', PATH: `${folder}:${PATH}` };
  const run = scriptsOf(t, DATAPATH_PLUGIN, { env });
  const uri = `${SCHEME}://${file}`;
  const rows = () => (existsSync(table) ? JSON.parse(readFileSync(table, 'utf8')) : {});
  return {
    ...{ run, directory, file, uri },
    devices: () => Object.keys(rows()),
    call: (method, domain) => good(run(`Datapath.${method}`, { uri, domain })),
    setUp: () => {
      const device = join(folder, 'loop9');
      writeFileSync(device, '');
      writeFileSync(table, JSON.stringify({ ...rows(), [device]: [file, false] }));
    },
  };
}

test('a device is for the block backend, and for who opens it', async (t) => {
  const { call, devices } = prepare(t);
  const answer = await call('attach', '1');
  const [device] = devices();
  assert.deepEqual(answer, {
    implementations: [
      ['XenDisk', { params: device, extra: {}, backend_type: 'vbd' }],
      ['BlockDevice', { path: device }],
    ],
  });
});

test('all domains share a device, and the last one takes it away', async (t) => {
  const { call, devices, directory } = prepare(t);
  const one = await call('attach', '1');
  assert.deepEqual(await call('attach', '1'), one);
  assert.deepEqual(await call('attach', '2'), one);
  for (const method of ['activate', 'deactivate', 'detach', 'detach']) await call(method, '1');
  assert.equal(devices().length, 1);
  await call('detach', '2');
  assert.deepEqual([devices(), readdirSync(directory)], [[], []]);
});

test('a device that is none of the plugin’s is neither used nor taken away', async (t) => {
  const { call, devices, setUp } = prepare(t);
  setUp();
  const [theirs] = devices();
  await call('attach', '1');
  assert.equal(devices().length, 2);
  await call('detach', '1');
  assert.deepEqual(devices(), [theirs]);
});

test('a device whose name a killed attach could not keep is used', async (t) => {
  const { call, devices, directory } = prepare(t);
  await call('attach', '1');
  const [state = ''] = readdirSync(directory).filter((name) => name.endsWith('.json'));
  const [device = ''] = devices();
  const place = join(directory, state);
  writeFileSync(place, readFileSync(place, 'utf8').replace(JSON.stringify(device), 'null'));
  await call('attach', '1');
  assert.deepEqual(devices(), [device]);
  await call('detach', '1');
  assert.deepEqual(devices(), []);
});

test('the device of a file that was removed is taken away', async (t) => {
  const { call, devices, file } = prepare(t);
  await call('attach', '1');
  rmSync(file);
  await call('detach', '1');
  assert.deepEqual(devices(), []);
});
