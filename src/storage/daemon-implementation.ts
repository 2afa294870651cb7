import type { Implementation } from '../rpc/interface.ts';
import type { Backend } from '../xenstore/backend-table.ts';
import { deviceName, parseDisk } from '../xenstore/device-number.ts';
import type { DiskSides, Keys } from '../xenstore/disk-sides.ts';
import { type ExplainedSide, type Explanation, explain } from '../xenstore/explain.ts';
import { datapathId, findTroubles, repair, type Verifying } from './daemon-implementation-verify.ts';
import type {
  BackendReport,
  DatapathdInterface,
  DatapathReport,
  PluginReport,
  SrReport,
  VbdExplanation,
} from './daemon-interface.ts';
import type { CallReport, LevelReport, LogChange } from './daemon-monitoring.ts';
import { type Datapath, stateOf } from './datapath-state.ts';
import { smapiv3Error } from './errors.ts';
import { kindsOffered } from './offer.ts';
import type { AttachedSr } from './operations.ts';
import type { Recordings } from './plugins/recordings.ts';
import type { PluginStatus } from './plugins/status.ts';
import { schemeOf } from './selector.ts';

/** What the daemon's own interface stands on. */
export interface DatapathdParts extends Verifying {
  readonly recordings: Recordings;
  /** The file of xapi-storage-script; empty: there is none. */
  readonly stateDb: string;
  /** Writes that file, and gives the SRs that are in it. */
  readonly handBack: () => Promise<readonly string[]>;
  readonly levels: Levels;
  /** Where the time of the last calls went, in the order in which they ended. */
  readonly calls: () => readonly CallReport[];
  /** Reads both sides of a disk in xenstore. */
  readonly readSides: (domid: number, devid: number) => Promise<DiskSides>;
}

/** What of a caller's name for what it does stands in the log. */
const LONGEST_DBG = 80;

/** The levels of the daemon's log. */
export interface Levels {
  report(): LevelReport[];
  /** Gives why what is asked for can't be. `by` says who asks. */
  change(change: Omit<LogChange, 'dbg'>, by: string): string | undefined;
}

export function datapathdImplementation(
  on: DatapathdParts,
): Implementation<(typeof DatapathdInterface)['methods']> {
  const { view, patience, recordings, readSides, levels } = on;
  const known = knownNow(on);
  return {
    calls: ({ message, trace_id }) =>
      on
        .calls()
        .filter((call) => (message ?? call.message) === call.message)
        .filter((call) => (trace_id ?? call.trace_id) === call.trace_id),
    log_levels: () => levels.report(),
    set_log_level: ({ dbg, ...change }, { queue }) => {
      const reason = levels.change(change, `a caller of ${queue} (${dbg.slice(0, LONGEST_DBG)})`);
      if (reason !== undefined) throw smapiv3Error('Internal_error', `params.${reason}`);
      return levels.report();
    },
    plugins: () => known.plugins(),
    srs: async () => {
      await view.settled(patience);
      return known.srs();
    },
    datapaths: () => known.datapaths(),
    backends: async () => {
      await view.settled(patience);
      return [...view.backends()]
        .sort(by(({ domid, kind, frontendDomid, devid }) => [domid, kind, frontendDomid, devid]))
        .map(backendReport);
    },
    explain_vbd: async ({ device }) => {
      const disk = parseDisk(device);
      if (disk.type === 'wrong') throw smapiv3Error('Internal_error', `params.device: ${disk.reason}`);
      return explanation(explain(await readSides(disk.domid, disk.devid)));
    },
    verify: async ({ dbg, ask = true }) =>
      (await findTroubles(on, dbg, ask)).map(({ trouble, mend }) => ({
        ...trouble,
        repairable: mend !== undefined,
      })),
    repair: ({ dbg }) => repair(on, dbg),
    export_state_db: async () => {
      if (on.stateDb === '')
        throw smapiv3Error('Internal_error', 'storage.stateDb is empty: it names no file');
      try {
        return { path: on.stateDb, srs: [...(await on.handBack())] };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw smapiv3Error('Internal_error', `${on.stateDb} is not written: ${reason}`);
      }
    },
    record: ({ kind, name, after }) => recordings.ask({ kind, name }, after),
  };
}

/** What is known of plugins, SRs and disks at the moment that it is asked. */
export interface KnownNow {
  plugins(): PluginReport[];
  srs(): SrReport[];
  datapaths(): DatapathReport[];
}

export const knownNow = ({
  registry,
  state,
  view,
  isBusy,
}: Pick<DatapathdParts, 'registry' | 'state' | 'view' | 'isBusy'>): KnownNow => ({
  plugins: () => registry.all().map(pluginReport),
  srs: () => [...state.srs.values()].map((attached) => srReport(attached, view)).sort(by(({ sr }) => [sr])),
  datapaths: () =>
    [...state.datapaths]
      .map((datapath) => datapathReport(datapath, isBusy(datapath.sr, datapath.vdi)))
      .sort(by(({ sr, vdi, domain, id }) => [sr, vdi, domain, id])),
});

/** Orders by what a thing gives, the first first. */
const by =
  <T>(keys: (thing: T) => readonly (string | number)[]) =>
  (one: T, other: T): number => {
    const others = keys(other);
    for (const [index, key] of keys(one).entries()) {
      const against = others[index] ?? key;
      if (key !== against) return key < against ? -1 : 1;
    }
    return 0;
  };

function pluginReport(status: PluginStatus): PluginReport {
  const { kind, name, directory, plugin, since, refused, warnings, running, waiting, workers } = status;
  const query = plugin?.query;
  return {
    ...{ kind, name, directory, state: pluginState(status) },
    ...(refused === undefined ? {} : { reason: refused }),
    ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
    ...(query === undefined
      ? {}
      : {
          version: query.version,
          required_api_version: query.required_api_version,
          description: query.description,
          configuration: query.configuration,
        }),
    features: [...(query?.features ?? [])],
    methods: [...(plugin?.methods ?? [])].sort(),
    warnings: [...warnings],
    ...{ running, waiting, workers },
  };
}

function pluginState({ plugin, refused }: PluginStatus): PluginReport['state'] {
  if (plugin === undefined) return refused === undefined ? 'pending' : 'refused';
  return refused === undefined ? 'registered' : 'kept';
}

const srReport = (
  { sr, queue, handle, datasources, takenOver }: AttachedSr,
  view: DatapathdParts['view'],
): SrReport => ({
  ...{ sr, queue, handle, datasources: [...datasources], taken_over: takenOver },
  published: view.get(sr) !== undefined,
});

function datapathReport(datapath: Datapath, running: boolean): DatapathReport {
  const { sr, vdi, domain, holders, choice, underWay } = datapath;
  const { plugin, uri, domid, domainUuid, implementations, caching, reason } = choice;
  return {
    ...{ id: datapathId(datapath), sr, vdi: sr === '' ? '' : vdi, domain, state: stateOf(datapath) },
    ...(underWay === null ? {} : { step: underWay.step }),
    running,
    holders: holders.map(({ dp, writes, isActive }) => ({ dp, writes, active: isActive })),
    ...{ plugin, scheme: schemeOf(uri) ?? '' },
    driver_domain: { domid, ...(domainUuid === null ? {} : { uuid: domainUuid }) },
    ...{ implementations: [...implementations], caching, reason },
    offered:
      datapath.phase === 'chosen' || datapath.backend === null ? [] : kindsOffered(datapath.backend, choice),
  };
}

function backendReport(backend: Backend): BackendReport {
  const { domid, kind, frontendDomid, devid, state, online, mode, hotplugStatus } = backend;
  return {
    ...{ domid, kind, frontend_domid: frontendDomid, devid, device: deviceName(devid) },
    ...(state === undefined ? {} : { state }),
    ...(online === undefined ? {} : { online }),
    ...(mode === undefined ? {} : { mode }),
    ...(hotplugStatus === undefined ? {} : { hotplug_status: hotplugStatus }),
  };
}

/** The keys that say where the data is, and may say with what password. */
const SECRET_KEYS = ['params', 'physical-device-path'];

function explanation(found: Explanation): VbdExplanation {
  const { domid, devid, device, frontend, backend, otherBackends, findings } = found;
  return {
    ...{ domid, devid, device },
    ...(frontend === undefined ? {} : { frontend: sideOf(frontend) }),
    ...(backend === undefined
      ? {}
      : { backend: { ...sideOf(backend), domid: backend.domid, kind: backend.kind } }),
    other_backends: [...otherBackends],
    findings: findings.map(({ code, found, meaning }) => ({ code, found, meaning })),
  };
}

const sideOf = ({ path, state, keys }: ExplainedSide) => ({
  path,
  ...(state === undefined ? {} : { state }),
  keys: Object.fromEntries(withoutSecrets(keys)),
});

const withoutSecrets = (keys: Keys): [string, string][] =>
  [...keys].filter(([name]) => !SECRET_KEYS.includes(name)).sort();
