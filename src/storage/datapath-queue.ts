import type { Static, TSchema } from 'typebox';
import type { Implementation } from '../rpc/interface.ts';
import type { Struct } from '../wire/value.ts';
import { DataInterface } from './data.ts';
import { DatapathInterface, type SelectResult } from './datapath.ts';
import type { Directions, Subject } from './datapath-rules.ts';
import type { DatapathDriver } from './datapaths.ts';
import { answered, type Disks, type HeldUse, type Volumes } from './disks.ts';
import { smapiv3Error } from './errors.ts';
import { inSmapiv3 } from './pass-through.ts';
import type { Plugin } from './plugins/plugin.ts';
import { runScript, type Script, scriptOf } from './scripts.ts';
import { type DatapathPlugins, type HostView, schemeOf, select } from './selector.ts';
import type { Operation } from './types.ts';
import type { InOrder } from './volume-queue/queue.ts';

/** What the methods of the datapath queue stand on. */
export interface DatapathQueue {
  readonly disks: Disks;
  readonly driver: DatapathDriver;
  readonly view: HostView;
  readonly plugins: DatapathPlugins;
  readonly directions: (subject: Subject) => Directions;
  readonly inOrder: InOrder;
  /** The datapath plugins that there are. */
  readonly all: () => readonly Plugin[];
  /** The URIs of a volume of an attached SR. */
  readonly urisOf: (sr: string, volume: string, dbg: string) => Promise<readonly string[]>;
}

type DatapathMethods = Implementation<(typeof DatapathInterface)['methods']>;
type DataMethods = Implementation<(typeof DataInterface)['methods']>;

/** Disks by their URIs alone: the same life as those of an SR, of which nothing more is known. */
export function datapathImplementation(on: DatapathQueue): DatapathMethods {
  const { disks, inOrder } = on;
  const inTurn = <T>(uri: string, task: () => Promise<T>): Promise<T> =>
    inSmapiv3(() => inOrder(NO_SR, [uri], task));
  const nothing = (uri: string, task: () => Promise<void>): Promise<null> =>
    inTurn(uri, async () => {
      await task();
      return null;
    });
  return {
    open: ({ dbg, uri, persistent }) =>
      nothing(uri, () => disks.epochBegin(useOf(dbg, uri, ''), persistent, volumesOf(uri))),
    close: ({ dbg, uri }) => nothing(uri, () => disks.epochEnd(useOf(dbg, uri, ''), volumesOf(uri))),
    attach: ({ dbg, uri, domain, sharable = false, writes }) =>
      inTurn(uri, () => disks.attach(useOf(dbg, uri, domain), writes, volumesOf(uri, sharable))),
    activate: ({ dbg, uri, domain }) =>
      nothing(uri, () => disks.activate(useOf(dbg, uri, domain), 'activate', volumesOf(uri))),
    activate_readonly: ({ dbg, uri, domain }) =>
      nothing(uri, () => disks.activate(useOf(dbg, uri, domain), 'activate_readonly', volumesOf(uri))),
    deactivate: ({ dbg, uri, domain }) =>
      nothing(uri, () => disks.deactivate(useOf(dbg, uri, domain), volumesOf(uri))),
    detach: ({ dbg, uri, domain }) =>
      nothing(uri, () => disks.detach(useOf(dbg, uri, domain), volumesOf(uri))),
    import_activate: ({ dbg, uri, domain }) =>
      inTurn(uri, () => onUri(on, IMPORT_ACTIVATE, { dbg, uri, domain }, domain)),
    select: (params) => selectFor(on, params),
  };
}

const IMPORT_ACTIVATE = scriptOf(DatapathInterface, 'import_activate');

/** A URI is a volume of no SR. */
const NO_SR = '';

/** Each domain holds a URI once: its name is that of the datapath. It is opened for all of them. */
const useOf = (dbg: string, uri: string, domain: string): HeldUse => ({
  ...{ dbg, sr: NO_SR, vdi: uri, vm: '', dp: domain, domain },
});

/** The one volume that a URI stands for. What would need a clone of it can not be had. */
function volumesOf(uri: string, sharable = false): Volumes {
  const cannot = async (): Promise<never> => {
    throw smapiv3Error(
      'Unimplemented',
      'NONPERSISTENT',
      'the datapath plugin can not forget what is written',
    );
  };
  return {
    stat: async () => ({ key: uri, uri: [uri], keys: {}, sharable }),
    clone: cannot,
    destroy: cannot,
    set: cannot,
    unset: cannot,
  };
}

/** Runs a script of the plugin that serves a URI. */
async function onUri<Result extends TSchema>(
  { disks, driver }: DatapathQueue,
  script: Script<Result>,
  params: Struct & { readonly dbg: string; readonly uri: string },
  domain: string,
): Promise<Static<Result>> {
  const { dbg, uri } = params;
  const choice = await disks.choiceFor(useOf(dbg, uri, domain), domain, volumesOf(uri));
  return answered(driver, choice, script, params);
}

/** What would be chosen, without doing it. */
async function selectFor(
  on: DatapathQueue,
  { dbg, uri, sr = NO_SR, volume, domain = '0', persistent = true }: SelectParams,
): Promise<SelectResult> {
  const uris = uri === undefined ? await urisOf(on, sr, volume, dbg) : [uri];
  const request = { uris, sr, domain, persistent };
  const { selection, verdicts } = select(request, on.view, on.plugins, on.directions);
  const candidates = [...verdicts];
  if (selection === undefined) return { candidates };
  const { plugin, driverDomain, implementations, caching, reason } = selection;
  return {
    selection: {
      ...{ plugin, uri: selection.uri, caching, reason },
      ...(driverDomain.uuid === undefined ? {} : { domain_uuid: driverDomain.uuid }),
      backend_domid: driverDomain.domid,
      implementation: implementations[0],
    },
    candidates,
  };
}

type SelectParams = Static<(typeof DatapathInterface)['methods']['select']['params']>;

async function urisOf(
  on: DatapathQueue,
  sr: string,
  volume: string | undefined,
  dbg: string,
): Promise<readonly string[]> {
  if (sr !== NO_SR && volume !== undefined) return on.urisOf(sr, volume, dbg);
  throw smapiv3Error('Internal_error', 'params: expected uri, or sr and volume, got neither');
}

const SCRIPTS = {
  copy: scriptOf(DataInterface, 'copy'),
  mirror: scriptOf(DataInterface, 'mirror'),
  stat: scriptOf(DataInterface, 'stat'),
  cancel: scriptOf(DataInterface, 'cancel'),
  destroy: scriptOf(DataInterface, 'destroy'),
  ls: scriptOf(DataInterface, 'ls'),
};

/** Copies and mirrors. Which plugin has an operation is remembered from its begin; else each is asked. */
export function dataImplementation(on: DatapathQueue): DataMethods {
  const owners = new Map<string, string>();
  const begun = async (uri: string, begin: () => Promise<Operation>): Promise<Operation> => {
    const operation = await inSmapiv3(begin);
    const scheme = schemeOf(uri);
    if (scheme !== undefined) owners.set(operation.join(), scheme);
    return operation;
  };
  const onOperation = <Result extends TSchema>(
    script: Script<Result>,
    params: { readonly dbg: string; readonly operation: Operation },
  ): Promise<Static<Result>> =>
    inSmapiv3(() =>
      firstThat(plugins(params.operation, script), (plugin) => runScript(plugin, script, { ...params })),
    );
  const plugins = (operation: Operation, script: Script): readonly Plugin[] => {
    const having = on.all().filter((plugin) => plugin.has(script.name));
    const owner = having.filter(({ name }) => name === owners.get(operation.join()));
    return owner.length > 0 ? owner : having;
  };
  return {
    copy: (params) => begun(params.uri, () => onUri(on, SCRIPTS.copy, { ...params }, params.domain)),
    mirror: (params) => begun(params.uri, () => onUri(on, SCRIPTS.mirror, { ...params }, params.domain)),
    stat: (params) => onOperation(SCRIPTS.stat, params),
    cancel: (params) => onOperation(SCRIPTS.cancel, params),
    destroy: async (params) => {
      await onOperation(SCRIPTS.destroy, params);
      owners.delete(params.operation.join());
      return null;
    },
    ls: async ({ dbg }) => {
      const having = on.all().filter((plugin) => plugin.has(SCRIPTS.ls.name));
      const lists = await inSmapiv3(() =>
        Promise.all(having.map((plugin) => runScript(plugin, SCRIPTS.ls, { dbg }))),
      );
      return lists.flat();
    },
  };
}

/** The answer of the first that gives one; the last one's error when none does. */
async function firstThat<T>(plugins: readonly Plugin[], run: (plugin: Plugin) => Promise<T>): Promise<T> {
  let failure: unknown = smapiv3Error('Unimplemented', 'Data', 'no datapath plugin has operations');
  for (const plugin of plugins) {
    try {
      return await run(plugin);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
