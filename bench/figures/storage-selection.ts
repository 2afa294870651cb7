import { compileRules } from '../../src/storage/datapath-rules.ts';
import { type HostView, type SelectionRequest, select } from '../../src/storage/selector.ts';
import { BackendTable } from '../../src/xenstore/backend-table.ts';
import { SrTable } from '../../src/xenstore/sr-table.ts';
import { compareTimes } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { inTurn } from '../statistics.ts';
import { uuidOf } from '../store.ts';

/** A choice must not take longer on a large host. */

const MANY = 10_000;
const FEW = 10;
const SELECTIONS = 100_000;
const ROUNDS = 9;
const KINDS = ['vbd3', 'vbd', 'qdisk'] as const;

export const storageSelection: Figure = {
  name: 'storage-selection',
  measure: async (progress) => {
    progress(`selection: ${SELECTIONS} of them, with much and with little in the view`);
    const [large, small] = [hostOf(MANY), hostOf(FEW)];
    const pairs = await inTurn(
      ROUNDS,
      async () => selections(large, MANY),
      async () => selections(small, FEW),
    );
    return [
      {
        figure: 'storage-selection',
        title: `a selection, ${MANY} SRs and ${MANY} backends in the view`,
        unit: 'µs of CPU a call',
        ...compareTimes(pairs, `${MANY} of each`, `${FEW} of each`),
        target: { type: 'ratio-at-most', ratio: 1.5 },
      },
    ];
  },
};

/** The tables of a view, filled as one that follows xenstore fills them. */
function hostOf(size: number): HostView {
  const srs = new SrTable();
  const backends = new BackendTable(2 * size);
  for (const kind of KINDS) backends.setPresent(0, kind, true);
  for (let number = 0; number < size; number += 1) {
    const uuid = uuidOf(number);
    srs.set(0, uuid, { type: 'shown', entry: { uuid, plugin: 'org.xen.xapi.storage.mine', domid: 0 } });
    const kind = KINDS[number % KINDS.length] ?? 'vbd3';
    const names = { domid: 0, kind, frontendDomid: 1 + (number >> 4), devid: 51712 + 16 * (number & 15) };
    backends.set(names.domid, kind, `${names.frontendDomid}`, `${names.devid}`, {
      type: 'followed',
      backend: {
        ...names,
        ...{ state: 'Connected', online: true, frontend: undefined, params: undefined, mode: 'w' },
        ...{ physicalDevice: undefined, physicalDevicePath: undefined, hotplugStatus: 'connected' },
      },
    });
  }
  return {
    domainsOf: (sr) => srs.domainsOf(sr),
    vmOf: () => undefined,
    hasKind: (domid, kind) => backends.hasKind(domid, kind),
    disks: (domid, kind) => backends.count(domid, kind),
  };
}

const FEATURES: ReadonlySet<string> = new Set();
const PLUGINS = { features: (scheme: string) => (scheme.startsWith('none') ? undefined : FEATURES) };
const NONE = { implementation: [], driverDomain: [], caching: [] } as const;
const directions = compileRules([
  {
    scheme: 'raw*',
    sr: '*',
    domain: '*',
    prefer: NONE,
    forbid: { ...NONE, caching: ['unsafe'] },
    spread: true,
  },
]);

/** µs of CPU that a selection takes. */
function selections(view: HostView, srs: number): number {
  const begun = process.cpuUsage();
  for (let number = 0; number < SELECTIONS; number += 1) {
    const request: SelectionRequest = {
      uris: ['none:1', 'raw+file:///sr/disk', 'nbd+unix:///sr/disk'],
      sr: uuidOf(number % srs),
      domain: '7',
      persistent: true,
    };
    if (select(request, view, PLUGINS, directions).selection === undefined)
      throw new Error('nothing was selected');
  }
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / SELECTIONS;
}
