import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { writeJson } from '../../src/wire/json.ts';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import type { DaemonProcess } from '../helpers/daemon.ts';
import {
  type Answered,
  preparePlugins,
  prints,
  readJson,
  type ScriptCall,
  startStorage,
  type TestPlugins,
  throughSwitch,
  VOLUME,
} from '../helpers/plugins.ts';

/** A script that ran: what it was given, and what it printed. The volume plugin is called `volume`. */
export interface Script {
  readonly script: string;
  readonly stdin: Value;
  readonly stdout: Value;
  readonly exit: number;
}

/** A call, the scripts that it ran, and its answer. */
export interface Row {
  readonly call: string;
  readonly params: Struct;
  readonly scripts: readonly Script[];
  readonly answer: Answered;
}

export interface Difference {
  readonly rows: readonly number[];
  readonly reason: string;
  /** What ours does, made of what was recorded. */
  readonly ours: (recorded: Row) => Row;
}

export interface Replayed {
  readonly file: string;
  readonly differences: readonly Difference[];
  /** Done before the row of this number. */
  readonly before?: Readonly<
    Record<number, (plugins: TestPlugins, daemon: DaemonProcess) => Promise<unknown>>
  >;
}

/**
 * Makes the calls of a recording, through the switch, with scripts that answer as recorded, and compares answers and
 * scripts. Objects are compared without regard to the order of their fields; the recorded answers' `id`, which is always
 * 0, and the time of a snapshot are left out.
 */
export async function replay(t: TestContext, { file, differences, before = {} }: Replayed): Promise<void> {
  const rows = readRows(file);
  let pending: Script[] = [];
  const plugins = await preparePlugins(t, () => {
    const next = pending.shift();
    return next === undefined ? prints(null) : { print: writeJson(next.stdout), exit: next.exit };
  });
  for (const [path, { methods, query }] of pluginsOf(rows)) plugins.write(path, [...methods], query);
  const daemon = await startStorage(t, plugins);
  const call = throughSwitch(t, daemon);

  for (const [number, row] of rows.entries()) {
    await before[number]?.(plugins, daemon);
    const ours = differences
      .filter(({ rows }) => rows.includes(number))
      .reduce((changed, difference) => difference.ours(changed), row);
    const ran = plugins.calls.length;
    pending = [...ours.scripts];
    const answer = await call(row.call, { dbg: 'recorded', ...row.params });
    const seen = { answer: { ...answer }, scripts: plugins.calls.slice(ran).map(asRecorded) };
    const scripts = ours.scripts.map(({ script, stdin }) => ({ script, stdin }));
    const expected = { answer: { ...ours.answer }, scripts };
    assert.deepEqual(timeless(seen), timeless(expected), `row ${number}: ${row.call}`);
  }
  for (const { rows: numbers, reason, ours } of differences) {
    for (const number of numbers) {
      const row = rows[number];
      assert.ok(
        row !== undefined && !isDeepStrictEqual(ours(row), row),
        `row ${number}: no difference: ${reason}`,
      );
    }
  }
}

const asRecorded = ({ plugin, method, params }: ScriptCall) => ({
  script: `${plugin === VOLUME ? 'volume' : plugin}/${method}`,
  stdin: params,
});

/** Times since the year 2000: when the snapshot was made. */
const timeless = (value: Value): Value => {
  if (typeof value === 'string') return /^2\d{7}T\d\d:\d\d:\d\dZ$/.test(value) ? '<now>' : value;
  if (isStruct(value))
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, timeless(field)]));
  return Array.isArray(value) ? value.map(timeless) : value;
};

function readRows(file: string): Row[] {
  const text = readFileSync(join(import.meta.dirname, '../recorded', file), 'utf8');
  return text.replaceAll('<queue>', VOLUME).trim().split('\n').map(readRow);
}

function readRow(line: string): Row {
  const { call, params, scripts, answer } = structOf(readJson(line));
  const { result = null, error = null } = isStruct(answer) ? answer : { error: answer };
  return {
    call: String(call),
    params: structOf(params),
    scripts: listOf(scripts).map((each) => {
      const { script, stdin = null, stdout = null, exit } = structOf(each);
      return { script: String(script), stdin, stdout, exit: Number(exit) };
    }),
    answer: { result, error },
  };
}

function structOf(value: Value | undefined): Struct {
  if (isStruct(value)) return value;
  throw new TypeError(`the recording: no object: ${value}`);
}

function listOf(value: Value | undefined): readonly Value[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`the recording: no list: ${value}`);
}

/** The plugins that the recorded scripts are of, with what they say of themselves. */
function pluginsOf(rows: readonly Row[]): Map<string, { methods: Set<string>; query: Struct }> {
  const plugins = new Map<string, { methods: Set<string>; query: Struct }>();
  for (const { script, stdout } of rows.flatMap(({ scripts }) => scripts)) {
    const [name = '', method = ''] = script.split('/');
    const path = name === 'volume' ? `volume/${VOLUME}` : `datapath/${name}`;
    const plugin = plugins.get(path) ?? { methods: new Set(), query: {} };
    if (method === 'Plugin.Query') plugin.query = structOf(stdout);
    else plugin.methods.add(method);
    plugins.set(path, plugin);
  }
  // It is never used in a recording, as one before it always is.
  plugins.get('datapath/barother')?.methods.add('Datapath.attach');
  return plugins;
}
