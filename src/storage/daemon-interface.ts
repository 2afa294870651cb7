import Type, { type Static, type TSchema } from 'typebox';
import { defineInterface } from '../rpc/interface.ts';
import { BACKEND_KINDS, XENBUS_STATES } from '../xenstore/xenbus.ts';
import { CallReport, LevelReport, LogChange } from './daemon-monitoring.ts';
import { CACHINGS, IMPLEMENTATIONS } from './datapath-rules.ts';
import { SMAPIV3_ERRORS } from './errors.ts';
import { Dbg } from './types.ts';

/**
 * The `Datapathd` interface, which is ours: what the daemon knows and how true it is, for operators and for authors of
 * plugins. What may hold secrets is left out: URIs but for their schemes, and the params of backends.
 */

const text = (description: string) => Type.String({ description });
const flag = (description: string) => Type.Boolean({ description });
const texts = (description: string) => Type.Array(Type.String(), { description });
const maybe = <T extends TSchema>(schema: T) => Type.Optional(schema);

export const PLUGIN_STATES = ['registered', 'kept', 'refused', 'pending'] as const;

const PluginReport = Type.Object({
  kind: Type.Enum(['volume', 'datapath'], { description: 'What the plugin is' }),
  name: text('The queue of a volume plugin, the URI scheme of a datapath plugin'),
  directory: text('Where it is'),
  state: Type.Enum([...PLUGIN_STATES], {
    description:
      'registered: it is used; kept: one from before is used, as what is in the directory now is refused; refused: nothing of it is used; pending: it has not answered yet',
  }),
  reason: maybe(text('Why what is in the directory is refused')),
  since: maybe(text('When what is used was registered, as in 2026-11-27T19:51:42.000Z')),
  version: maybe(text('The version of what is used')),
  required_api_version: maybe(text('The version of SMAPIv3 that it wants')),
  description: maybe(text('What it says of itself')),
  configuration: maybe(
    Type.Record(Type.String(), Type.String(), {
      description: 'The keys of device_config, each with what it means',
    }),
  ),
  features: texts('The features that it lists'),
  methods: texts('Its scripts, in lower case'),
  warnings: texts('What it lists and has no script for, and the like'),
  running: Type.Integer({ description: 'Its scripts that run now' }),
  waiting: Type.Integer({ description: 'Calls that wait for one of those to end' }),
  workers: Type.Integer({ description: 'Its processes that serve many calls' }),
});
export type PluginReport = Static<typeof PluginReport>;

const SrReport = Type.Object({
  sr: text('The uuid of the SR'),
  queue: text('The queue of its plugin'),
  handle: text('What the plugin calls it'),
  datasources: texts('The datasources that were registered for it'),
  taken_over: flag('Whether the daemon before this one has attached it'),
  published: flag('Whether xenstore shows it'),
});
export type SrReport = Static<typeof SrReport>;

const Holder = Type.Object({
  dp: text('The name of the datapath'),
  writes: flag('Whether it was attached for writing'),
  active: flag('Whether it is active'),
});

const DriverDomain = Type.Object({
  domid: Type.Integer({ description: 'Its domid' }),
  uuid: maybe(text('The uuid of its VM, where that is known')),
});

export const DATAPATH_STATES = ['open', 'attached', 'activated', 'uncertain'] as const;

const DatapathReport = Type.Object({
  id: text('What names it here: made of SR, disk and domain'),
  sr: text('The uuid of the SR; empty for a URI that stands for itself'),
  vdi: text('The key of the disk in its SR; empty for a URI that stands for itself'),
  domain: text('The domain that it is for, as the plugin is told'),
  state: Type.Enum([...DATAPATH_STATES], {
    description: 'uncertain: a step was begun, and nobody knows what it has done',
  }),
  step: maybe(text('The step that was begun')),
  running: flag('Whether a call on the disk is being carried out now'),
  holders: Type.Array(Holder, { description: 'Who holds it' }),
  plugin: text('The datapath plugin'),
  scheme: text('The scheme of the URI'),
  driver_domain: DriverDomain,
  implementations: Type.Array(Type.Enum([...IMPLEMENTATIONS]), {
    description: 'What may carry the disk, the best first',
  }),
  offered: Type.Array(Type.Enum([...IMPLEMENTATIONS]), {
    description: 'What the plugin offers of it, in the order of the answer; none before it is attached',
  }),
  caching: Type.Enum([...CACHINGS], { description: 'The caching strategy' }),
  reason: text('Why this was chosen'),
});
export type DatapathReport = Static<typeof DatapathReport>;

const BackendReport = Type.Object({
  domid: Type.Integer({ description: 'The domain that serves the disk' }),
  kind: Type.Enum([...BACKEND_KINDS], { description: 'The directory of the backend in xenstore' }),
  frontend_domid: Type.Integer({ description: 'The domain that uses it' }),
  devid: Type.Integer({ description: 'The number of the device' }),
  device: text('Its name, such as xvda'),
  state: maybe(Type.Enum([...XENBUS_STATES], { description: 'The state of the backend' })),
  online: maybe(flag('Whether the toolstack wants it there')),
  mode: maybe(Type.Enum(['r', 'w'], { description: 'Whether the disk may be written' })),
  hotplug_status: maybe(text('What the hotplug script says')),
});
export type BackendReport = Static<typeof BackendReport>;

const Side = {
  path: text('Where its keys are in xenstore'),
  state: maybe(Type.Enum([...XENBUS_STATES], { description: 'Its state' })),
  keys: Type.Record(Type.String(), Type.String(), { description: 'Its keys, but for params' }),
};

const Finding = Type.Object({
  code: text('A word for it'),
  found: text('What was found'),
  meaning: text('What that usually means'),
});

const Explanation = Type.Object({
  domid: Type.Integer({ description: 'The domain that the disk is for' }),
  devid: Type.Integer({ description: 'The number of the device' }),
  device: text('Its name'),
  frontend: maybe(Type.Object(Side)),
  backend: maybe(
    Type.Object({
      ...Side,
      domid: Type.Integer({ description: 'The domain that serves the disk' }),
      kind: text('The directory of the backend in xenstore'),
    }),
  ),
  other_backends: texts('Further backends of the same disk'),
  findings: Type.Array(Finding, { description: 'What is missing or does not fit; none: all is well' }),
});
export type VbdExplanation = Static<typeof Explanation>;

/** What is looked for. `where`: the SR, the disk and the domain that it is about. */
export const FINDINGS = [
  'datapath-uncertain',
  'datapath-of-detached-sr',
  'datapath-plugin-gone',
  'opened-of-detached-sr',
  'opened-unused',
  'sr-plugin-gone',
  'sr-not-published',
  'sr-not-well',
  'view-not-fresh',
  'state-not-kept',
] as const;

const Place = {
  code: Type.Enum([...FINDINGS], { description: 'What is wrong' }),
  sr: maybe(text('The SR')),
  datapath: maybe(text('The id of the datapath')),
  vdi: maybe(text('The disk')),
  domain: maybe(text('The domain')),
};

const Trouble = Type.Object({
  ...Place,
  severity: Type.Enum(['trouble', 'note'], {
    description: 'note: it may be as it should be, and is trouble when it stays so',
  }),
  found: text('What was found'),
  repairable: flag('Whether repair does something about it'),
  repair: text('What repair does about it, or what an operator can do'),
});
export type Trouble = Static<typeof Trouble>;

const Repair = Type.Object({
  ...Place,
  outcome: Type.Enum(['repaired', 'left', 'failed'], {
    description: 'left: repair can do nothing about it; failed: it has tried',
  }),
  text: text('What was done, or why not'),
});
export type Repair = Static<typeof Repair>;

const Exported = Type.Object({
  path: text('The file'),
  srs: texts('The uuids of the SRs that are in it, sorted'),
});
export type Exported = Static<typeof Exported>;

const RecordedCall = Type.Object({
  number: Type.Integer({ description: 'From 1, in the order in which the calls ended' }),
  at: text('When it was answered, as in 2026-11-27T19:51:42.000Z'),
  method: text('The method'),
  params: text('What the script was given, as JSON text'),
  outcome: Type.Enum(['result', 'error', 'failed'], {
    description: "error: the script's own; failed: it gave no answer",
  }),
  answer: text('The result or the error as JSON text; of a failed one why it failed'),
  milliseconds: Type.Number({ description: 'How long the script took' }),
});
export type RecordedCall = Static<typeof RecordedCall>;

const Recorded = Type.Object({
  calls: Type.Array(RecordedCall, { description: 'Those after the number that was given' }),
  lost: Type.Integer({ description: 'Calls that nobody had fetched when there were too many' }),
});

const listed = <T extends TSchema>(name: string, description: string, schema: T) => ({
  name,
  description,
  schema: Type.Array(schema),
});

const Params = Type.Object({ dbg: Dbg });

export const DatapathdInterface = defineInterface({
  name: 'Datapathd',
  description:
    'What the daemon knows of plugins, SRs and disks, and whether that is true. No part of SMAPIv3: it is for people and tools.',
  types: [
    {
      name: 'plugin_report',
      description: 'A directory of a plugin, and what was made of it',
      schema: PluginReport,
    },
    { name: 'sr_report', description: 'An SR that is attached through the daemon', schema: SrReport },
    { name: 'holder', description: 'Who holds a datapath', schema: Holder },
    { name: 'driver_domain', description: 'The domain that serves a disk', schema: DriverDomain },
    { name: 'datapath_report', description: 'A disk on its way to a domain', schema: DatapathReport },
    { name: 'backend_report', description: 'A backend of a disk in xenstore', schema: BackendReport },
    { name: 'finding', description: 'Something that is missing or does not fit', schema: Finding },
    { name: 'explanation', description: 'Both sides of a disk in xenstore', schema: Explanation },
    { name: 'trouble', description: 'Something that is not as it should be', schema: Trouble },
    { name: 'repair', description: 'What was done about it', schema: Repair },
    {
      name: 'exported',
      description: 'What was written for xapi-storage-script',
      schema: Exported,
    },
    { name: 'level_report', description: 'The level of a part of the log', schema: LevelReport },
    { name: 'call_report', description: 'Where the time of a call went', schema: CallReport },
    { name: 'recorded_call', description: 'A call of a script', schema: RecordedCall },
    { name: 'recorded', description: 'Calls of a plugin', schema: Recorded },
  ],
  errorType: 'exnd',
  errors: SMAPIV3_ERRORS,
  methods: {
    plugins: {
      aliases: [],
      description: 'Lists the plugins that are there, those that are not used among them.',
      params: Params,
      result: listed('plugins', 'Volume plugins first, by name', PluginReport),
    },
    srs: {
      aliases: [],
      description: 'Lists the SRs that are attached through the daemon.',
      params: Params,
      result: listed('srs', 'By uuid', SrReport),
    },
    datapaths: {
      aliases: [],
      description: 'Lists the disks that are on their way to a domain.',
      params: Params,
      result: listed('datapaths', 'By SR, disk and domain', DatapathReport),
    },
    backends: {
      aliases: [],
      description: 'Lists the backends that xenstore has in domain 0 and in the driver domains.',
      params: Params,
      result: listed('backends', 'By domain, kind, and the domain that uses it', BackendReport),
    },
    explain_vbd: {
      aliases: [],
      description: 'Reads both sides of a disk in xenstore, and says what is missing and what that means.',
      params: Type.Object({
        dbg: Dbg,
        device: Type.String({
          description: 'The disk as DOMID/DEVICE, the device as a number or a name: 3/xvda',
          examples: ['3/xvda'],
        }),
      }),
      result: { name: 'explanation', description: 'What its keys come to', schema: Explanation },
    },
    verify: {
      aliases: [],
      description: 'Looks whether what the daemon knows is true. Nothing is changed.',
      params: Type.Object({
        dbg: Dbg,
        ask: maybe(flag('Whether each SR is asked how it is, by SR.stat; without it they are')),
      }),
      result: listed('troubles', 'What is wrong; none: all is well', Trouble),
    },
    repair: {
      aliases: [],
      description:
        'Finishes what is half done, and takes back what has leaked, in reverse order. It may be called again at any time.',
      params: Params,
      result: listed('repairs', 'What was done about each trouble', Repair),
    },
    export_state_db: {
      aliases: [],
      description:
        'Writes the attached SRs to the file of storage.stateDb, from which xapi-storage-script reads them, so that a host can go back to it. The next start takes over from that daemon again: what is known of disks is then forgotten.',
      params: Params,
      result: { name: 'exported', description: 'What was written', schema: Exported },
    },
    calls: {
      aliases: [],
      description:
        'Tells where the time of the last calls went that the daemon has answered: traces.maxCalls.',
      params: Type.Object({
        dbg: Dbg,
        message: maybe(text('The calls of this message alone, as queue.number')),
        trace_id: maybe(text('The calls of this trace alone, 32 hexadecimal digits')),
      }),
      result: listed('calls', 'In the order in which they ended', CallReport),
    },
    log_levels: {
      aliases: [],
      description: "Lists the levels of the daemon's log, by part of the daemon.",
      params: Params,
      result: listed('levels', 'As they are now', LevelReport),
    },
    set_log_level: {
      aliases: [],
      description: "Changes the level of a part of the daemon's log, or of all, for a while. It is logged.",
      params: LogChange,
      result: listed('levels', 'As they are from now on', LevelReport),
    },
    record: {
      aliases: [],
      description:
        'Gives the calls of the scripts of a plugin, as they were made since the first time that this was asked. They are kept as long as this is asked again within 30 seconds, the last 1000 of them. They hold what the scripts are given, secrets too.',
      params: Type.Object({
        dbg: Dbg,
        kind: Type.Enum(['volume', 'datapath'], { description: 'What the plugin is' }),
        name: Type.String({
          description: 'Its queue or its URI scheme',
          examples: ['org.xen.xapi.storage.rawfiles'],
        }),
        after: Type.Integer({ description: 'The number of the last call that is known; 0: none is' }),
      }),
      result: { name: 'recorded', description: 'The calls', schema: Recorded },
    },
  },
});
