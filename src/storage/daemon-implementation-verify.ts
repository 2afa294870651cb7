import { createHash } from 'node:crypto';
import type { Backend } from '../xenstore/backend-table.ts';
import type { Patience, ViewState } from '../xenstore/view.ts';
import { closeOpened, letGo, type Mending, settleStep } from './daemon-implementation-mend.ts';
import type { Repair, Trouble } from './daemon-interface.ts';
import { type Datapath, type DatapathKey, keyText, stateOf } from './datapath-state.ts';
import type { AttachedSr, Opened } from './operations.ts';
import type { Registry } from './plugins/registry.ts';
import { runScript, scriptOf } from './scripts.ts';
import { schemeOf } from './selector.ts';
import { SrInterface } from './sr.ts';
import { UNKNOWN_QUEUE } from './takeover.ts';

/** What is held against what the daemon knows. */
export interface Verifying extends Mending {
  readonly registry: Pick<Registry, 'all' | 'get'>;
  readonly view: {
    readonly state: ViewState;
    get(sr: string): unknown;
    settled(patience: Patience): Promise<void> | undefined;
    backends(): Iterable<Backend>;
  };
  readonly patience: Patience;
  /** Rejects when the store has not taken it. */
  readonly publisher: { publish(sr: { readonly uuid: string; readonly plugin: string }): Promise<void> };
  /** Whether a call on a disk is being carried out, or waits. */
  readonly isBusy: (sr: string, vdi: string) => boolean;
  /** Why nothing can be kept at present. */
  readonly trouble: () => string | undefined;
}

/** A trouble, with what does something about it and tells what it did. */
export interface Found {
  readonly trouble: Omit<Trouble, 'repairable'>;
  readonly mend: (() => Promise<string>) | undefined;
}

/** Holds what the daemon knows against what is. `ask`: each SR is asked how it is, all at the same time. */
export async function findTroubles(on: Verifying, dbg: string, ask: boolean): Promise<Found[]> {
  const { state, view, patience } = on;
  await view.settled(patience);
  const srs = [...state.srs.values()].sort((a, b) => (a.sr < b.sr ? -1 : 1));
  return [
    ...ofState(on),
    ...ofView(on),
    ...[...state.datapaths].flatMap((datapath) => ofDatapath(on, datapath, dbg)),
    ...[...state.opened].flatMap((opened) => ofOpened(on, opened, dbg)),
    ...srs.flatMap((attached) => ofSr(on, attached)),
    ...(ask ? (await Promise.all(srs.map((attached) => askSr(on, attached, dbg)))).flat() : []),
  ];
}

/** Does what can be done about each trouble. Never rejects. */
export async function repair(on: Verifying, dbg: string): Promise<Repair[]> {
  const repairs: Repair[] = [];
  for (const { trouble, mend } of await findTroubles(on, dbg, false)) {
    const { severity: _severity, found, repair: text, ...place } = trouble;
    if (mend === undefined) {
      repairs.push({ ...place, outcome: 'left', text: `${found}: ${text}` });
      continue;
    }
    try {
      repairs.push({ ...place, outcome: 'repaired', text: `${found}: ${await mend()}` });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      repairs.push({ ...place, outcome: 'failed', text: `${found}: ${reason}` });
    }
  }
  return repairs;
}

const ID_DIGITS = 12;

/** A short name for a datapath: what it is made of may be a URI, which may hold secrets. */
export const datapathId = (key: DatapathKey): string =>
  createHash('sha256').update(keyText(key)).digest('hex').slice(0, ID_DIGITS);

function ofState({ trouble }: Verifying): Found[] {
  const reason = trouble();
  if (reason === undefined) return [];
  return [
    {
      trouble: {
        ...{ code: 'state-not-kept', severity: 'trouble', found: `nothing can be kept: ${reason}` },
        repair: 'free the disk of switch.stateDirectory: nothing can be attached until then',
      },
      mend: undefined,
    },
  ];
}

function ofView({ view }: Verifying): Found[] {
  if (view.state.state === 'fresh') return [];
  return [
    {
      trouble: {
        ...{ code: 'view-not-fresh', severity: 'trouble' },
        found: `what is known of xenstore is not fresh: ${view.state.state}`,
        repair: 'start xenstored: what is attached is published again by itself',
      },
      mend: undefined,
    },
  ];
}

function ofDatapath(on: Verifying, datapath: Datapath, dbg: string): Found[] {
  const { sr, vdi, domain, choice, underWay } = datapath;
  const place = {
    datapath: datapathId(datapath),
    domain,
    ...(sr === '' ? {} : { sr, vdi }),
  };
  const what = describe(sr, vdi, choice.uri);
  // A step that is being carried out is as it should be.
  if (on.isBusy(sr, vdi)) return [];
  const found: Found[] = [];
  if (choice.domid === 0 && on.registry.get('datapath', choice.plugin) === undefined) {
    found.push({
      trouble: {
        ...{ code: 'datapath-plugin-gone', severity: 'trouble', ...place },
        found: `${what} for domain ${domain} uses the datapath plugin ${choice.plugin}, which is not there`,
        repair: 'put the plugin back: datapathctl plugin list tells why it is not used',
      },
      mend: undefined,
    });
  }
  if (sr !== '' && !on.state.srs.has(sr)) {
    found.push(
      ofDetachedSr(on, datapath, place, `${what} for domain ${domain} is ${stateOf(datapath)}`, dbg),
    );
  } else if (underWay !== null) {
    found.push({
      trouble: {
        ...{ code: 'datapath-uncertain', severity: 'trouble', ...place },
        found: `${what} for domain ${domain}: ${underWay.step} was begun and has not ended well`,
        repair: REPAIR_OF_STEP[underWay.step],
      },
      mend: () => settleStep(on, datapath, dbg),
    });
  }
  return found;
}

const REPAIR_OF_STEP = {
  attach: 'detaches it',
  activate: 'deactivates it, or activates it again for who used it before',
  activate_readonly: 'deactivates it, or activates it again for who used it before',
  deactivate: 'deactivates it',
  detach: 'detaches it',
};

/** A disk is never taken from a domain that may use it. */
function ofDetachedSr(
  on: Verifying,
  datapath: Datapath,
  place: Pick<Trouble, 'sr' | 'vdi' | 'domain' | 'datapath'>,
  found: string,
  dbg: string,
): Found {
  const { domain } = datapath;
  const trouble = {
    ...({ code: 'datapath-of-detached-sr', severity: 'trouble', ...place } as const),
    found: `${found}, and the SR is not attached`,
  };
  if ([...on.view.backends()].some(({ frontendDomid }) => `${frontendDomid}` === domain)) {
    const left = `left as it is: domain ${domain} has disks in xenstore; shut it down first`;
    return { trouble: { ...trouble, repair: left }, mend: undefined };
  }
  return {
    trouble: { ...trouble, repair: 'deactivates and detaches it' },
    mend: () => letGo(on, datapath, dbg),
  };
}

function ofOpened(on: Verifying, opened: Opened, dbg: string): Found[] {
  const { sr, vdi, vm, choice } = opened;
  if (on.isBusy(sr, vdi)) return [];
  const place = { domain: vm, ...(sr === '' ? {} : { sr, vdi }) };
  const what = `${describe(sr, vdi, choice.uri)} is open${vm === '' ? '' : ` for domain ${vm}`}`;
  if (sr !== '' && !on.state.srs.has(sr)) {
    const trouble = {
      ...({ code: 'opened-of-detached-sr', severity: 'trouble', ...place } as const),
      ...{ found: `${what}, and the SR is not attached`, repair: 'closes it' },
    };
    return [{ trouble, mend: () => closeOpened(on, { sr, vdi, vm }, dbg) }];
  }
  if ([...on.state.datapaths].some((datapath) => datapath.sr === sr && datapath.vdi === vdi)) return [];
  return [
    {
      trouble: {
        ...{ code: 'opened-unused', severity: 'note', ...place },
        found: `${what}, and not attached`,
        repair: 'left as it is: a guest may be about to start; VDI.epoch_end closes it',
      },
      mend: undefined,
    },
  ];
}

const describe = (sr: string, vdi: string, uri: string): string =>
  sr === '' ? `a URI of the scheme ${schemeOf(uri) ?? 'of no name'}` : `the disk ${vdi} of the SR ${sr}`;

function ofSr(on: Verifying, { sr, queue }: AttachedSr): Found[] {
  if (queue === UNKNOWN_QUEUE || on.registry.get('volume', queue) === undefined) {
    const plugin = queue === UNKNOWN_QUEUE ? 'a plugin that nobody knows' : `the plugin ${queue}`;
    return [
      {
        trouble: {
          ...{ code: 'sr-plugin-gone', severity: 'trouble', sr },
          found: `the SR ${sr} is attached by ${plugin}, which is not there`,
          repair: 'put the plugin back: datapathctl plugin list tells why it is not used',
        },
        mend: undefined,
      },
    ];
  }
  if (on.view.state.state !== 'fresh' || on.view.get(sr) !== undefined) return [];
  return [
    {
      trouble: {
        ...{ code: 'sr-not-published', severity: 'trouble', sr },
        ...{ found: `the SR ${sr} is attached, and xenstore does not show it`, repair: 'publishes it' },
      },
      mend: async () => {
        await on.publisher.publish({ uuid: sr, plugin: queue });
        return 'it is published';
      },
    },
  ];
}

const STAT = scriptOf(SrInterface, 'stat');

async function askSr({ registry }: Verifying, attached: AttachedSr, dbg: string): Promise<Found[]> {
  const { sr, queue, handle } = attached;
  const plugin = registry.get('volume', queue);
  if (plugin === undefined) return [];
  const notWell = (reason: string): Found[] => [
    {
      trouble: {
        ...{ code: 'sr-not-well', severity: 'trouble', sr },
        ...{ found: `the SR ${sr} is not well: ${reason}`, repair: 'see to the storage' },
      },
      mend: undefined,
    },
  ];
  try {
    const { health } = await runScript(plugin, STAT, { dbg, sr: handle });
    return health[0] === 'Healthy' ? [] : notWell(health.filter((text) => text !== '').join(': '));
  } catch (error) {
    return notWell(error instanceof Error ? error.message : String(error));
  }
}
