import { test } from 'node:test';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { type Difference, type Row, replay } from './recorded.ts';

/** The calls of xapi on a volume plugin's queue, as xapi-storage-script answered them, and every place where we do otherwise. */

const CHOSEN_ONCE = 'what was chosen is remembered, so that the volume is not asked again at every step';
const ENVELOPE =
  'an error has the envelope of every other answer, and the name that the interface has for it';

const withoutStat = (row: Row): Row => without(row, /\/Volume\.stat$/);
const withoutQueries = (row: Row): Row => without(row, /\/Plugin\.Query$/);
const withoutScripts = (row: Row): Row => without(row, /./);

function without(row: Row, pattern: RegExp): Row {
  return { ...row, scripts: row.scripts.filter(({ script }) => !pattern.test(script)) };
}

const withError =
  (tag: string, text: (call: string) => string) =>
  (row: Row): Row => ({ ...row, answer: { result: null, error: [tag, text(row.call)] } });

function withFields(row: Row, fields: Struct): Row {
  const { result } = row.answer;
  return { ...row, answer: { result: { ...(isStruct(result) ? result : {}), ...fields }, error: null } };
}

/** Gives the input of some scripts another key. */
function withKey(row: Row, key: string, isMeant: (stdin: Struct, index: number) => boolean): Row {
  const scripts = row.scripts.map((script, index) =>
    isStruct(script.stdin) && isMeant(script.stdin, index)
      ? { ...script, stdin: { ...script.stdin, key } }
      : script,
  );
  return { ...row, scripts };
}

const FEATURES = [
  ...[
    'VDI_RESET_ON_BOOT/2',
    'SR_PROBE',
    'SR_ATTACH',
    'SR_CREATE',
    'SR_DELETE',
    'SR_DETACH',
    'SR_SCAN',
    'SR_UPDATE',
  ],
  ...['VDI_CREATE', 'VDI_CLONE', 'VDI_SNAPSHOT', 'VDI_RESIZE', 'VDI_DELETE', 'VDI_UPDATE'],
  ...['VDI_ATTACH', 'VDI_DETACH', 'VDI_ACTIVATE', 'VDI_DEACTIVATE', 'VDI_INTRODUCE'],
];

const DIFFERENCES: readonly Difference[] = [
  {
    rows: [0],
    reason: 'a plugin says what it is when it is registered: Query.query needs no script',
    ours: withoutQueries,
  },
  {
    rows: [0],
    reason: 'each feature is listed once',
    ours: (row) => withFields(row, { features: FEATURES }),
  },
  { rows: [32, 33, 36, 37, 38], reason: CHOSEN_ONCE, ours: withoutStat },
  { rows: [34], reason: 'a disk that is active for writing is active for reading', ours: withoutScripts },
  { rows: [35], reason: 'it is attached: the answer is remembered', ours: withoutScripts },
  { rows: [40], reason: CHOSEN_ONCE, ours: withoutStat },
  {
    rows: [40],
    reason: 'what is certainly not active is not deactivated',
    ours: (row) => without(row, /\/Datapath\.deactivate$/),
  },
  {
    rows: [41],
    reason: 'the tags are set on the snapshot and shown, not set on the disk that it was made of',
    ours: (row) => withKey(withFields(row, { tags: ['t1'] }), '<vdi 2>', ({ k }) => k === 'tagst1'),
  },
  {
    rows: [50],
    reason: ENVELOPE,
    ours: withError('Internal_error', (call) => `${call}: params.vdi_tp: expected string, got nothing`),
  },
  {
    rows: [53],
    reason: ENVELOPE,
    ours: withError('Internal_error', (call) => `${call}: params.url: expected string, got nothing`),
  },
  {
    rows: [58, 59, 60, 61, 62, 63, 64, 66],
    reason: ENVELOPE,
    ours: withError('Unimplemented', (call) => call),
  },
  {
    rows: [65],
    reason: "people and tools may call the plugin's own methods; those that xapi has keep their meaning",
    ours: (row) => ({ ...row, answer: { result: PLUGIN, error: null } }),
  },
  {
    rows: [67],
    reason: ENVELOPE,
    ours: withError('Internal_error', (call) => `${call}: params.vdi: expected string, got nothing`),
  },
  {
    rows: [68],
    reason: ENVELOPE,
    ours: withError('Internal_error', (call) => `${call}: params.vdi: expected string, got number 5`),
  },
];

const PLUGIN: Value = {
  plugin: 'bar',
  name: 'bar volume plugin',
  description: 'd',
  vendor: 'v',
  copyright: 'c',
  version: '1.2',
  required_api_version: '5.0',
  features: ['SR_PROBE'],
  configuration: { uri: 'where it is' },
  required_cluster_stack: [],
};

const OTHER_BACKEND: Value = { implementations: [['BlockDevice', { path: '/dev/other' }]] };

/** The row before which the datapath plugin barfile was removed. */
const REMOVED = 16;

const CLONE_DIFFERENCES: readonly Difference[] = [
  { rows: [0], reason: 'plugins say what they are before the first call', ours: withoutQueries },
  { rows: [6, 8, 9], reason: CHOSEN_ONCE, ours: withoutStat },
  {
    rows: [13],
    reason: 'a clone is destroyed with the disk that it stands for, and the disk is destroyed once',
    ours: (row) => ({
      ...withKey(row, '<vdi 4>', (_, index) => index === 1),
      answer: { result: null, error: null },
    }),
  },
  {
    rows: [13],
    reason: 'as above: what is destroyed once is destroyed well',
    ours: (row) => ({
      ...row,
      scripts: row.scripts.map((script) =>
        script.exit === 0 ? script : { ...script, stdout: null, exit: 0 },
      ),
    }),
  },
  {
    rows: [REMOVED],
    reason: 'a plugin that is gone is known to be: the next URI that has one is taken',
    ours: (row) => ({
      ...row,
      scripts: [
        ...row.scripts,
        {
          script: 'barother/Datapath.attach',
          stdin: { dbg: 'recorded', uri: 'barother://<vdi 5>', domain: '7' },
          stdout: OTHER_BACKEND,
          exit: 0,
        },
      ],
      answer: { result: OTHER_BACKEND, error: null },
    }),
  },
];

test('every recorded call has the recorded answer, and runs the recorded scripts', async (t) => {
  await replay(t, { file: 'smapiv2.jsonl', differences: DIFFERENCES });
});

test('every call on a disk that a clone stands for has the recorded answer, and runs the recorded scripts', async (t) => {
  await replay(t, {
    file: 'smapiv2-clone-on-boot.jsonl',
    differences: CLONE_DIFFERENCES,
    before: {
      [REMOVED]: (plugins, daemon) => {
        plugins.remove('datapath/barfile');
        return daemon.logged(({ msg, plugin }) => plugin === 'barfile' && msg.includes('no more used'));
      },
    },
  });
});
