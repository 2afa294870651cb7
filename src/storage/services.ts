import { prefixed } from '../rpc/interface.ts';
import { discoverMethod } from '../rpc/openrpc.ts';
import { createService, implement, type Method, type Service, type ServiceObserver } from '../rpc/service.ts';
import { type DatapathdParts, datapathdImplementation } from './daemon-implementation.ts';
import { DatapathdInterface } from './daemon-interface.ts';
import { DataInterface } from './data.ts';
import { DatapathInterface } from './datapath.ts';
import { type DatapathQueue, dataImplementation, datapathImplementation } from './datapath-queue.ts';
import type { DatapathDriver } from './datapaths.ts';
import { passThrough } from './pass-through.ts';
import {
  PluginInterface,
  type PluginOptions,
  pluginImplementation,
  VolumePluginInterface,
} from './plugin.ts';
import type { DatapathPlugins } from './selector.ts';
import { Smapiv2DataInterface } from './smapiv2/data.ts';
import { DpInterface } from './smapiv2/dp.ts';
import { QueryInterface } from './smapiv2/query.ts';
import { Smapiv2SrInterface } from './smapiv2/sr.ts';
import { VdiInterface } from './smapiv2/vdi.ts';
import { SrInterface } from './sr.ts';
import { VolumeInterface } from './volume.ts';
import {
  dpImplementation,
  type Leaked,
  dataImplementation as smapiv2DataImplementation,
} from './volume-queue/datapath.ts';
import { queryImplementation } from './volume-queue/query.ts';
import type { VolumeQueue } from './volume-queue/queue.ts';
import { srImplementation } from './volume-queue/sr.ts';
import { vdiImplementation } from './volume-queue/vdi.ts';

/** Follows calls from their arrival to their answer: all of them, or where little is to be seen just those that somebody asks for. */
export interface CallFollower {
  follow(methods: readonly Method[], calls: 'all' | 'asked-for'): Method[];
}

/** What every service is made with. */
export interface ServiceSurroundings {
  readonly version: string;
  readonly observer: ServiceObserver;
  readonly timelines: CallFollower;
  /** A clock in ms. */
  readonly now: () => number;
}

/** The service of the datapath queue: the daemon itself, and disks by their URIs. */
export function datapathService(
  queue: string,
  plugin: PluginOptions,
  datapaths: DatapathQueue,
  datapathd: DatapathdParts,
  { version, observer, timelines, now }: ServiceSurroundings,
): Service {
  const interfaces = [PluginInterface, DatapathInterface, DataInterface, DatapathdInterface];
  const info = { title: queue, description: 'The datapath service of a Xen host.', version };
  const methods = [
    ...timelines.follow(implement(PluginInterface, pluginImplementation(plugin), observer), 'asked-for'),
    ...timelines.follow(
      [
        ...implement(DatapathInterface, datapathImplementation(datapaths), observer),
        ...implement(DataInterface, dataImplementation(datapaths), observer),
      ],
      'all',
    ),
    // What is asked about calls is no call to be told of.
    ...implement(DatapathdInterface, datapathdImplementation(datapathd), observer),
    discoverMethod(info, interfaces),
  ];
  return createService(queue, methods, observer, now);
}

/** What stands before the methods of SMAPIv3's `SR` on a volume plugin's queue, where SMAPIv2 has the name. */
const SMAPIV3_PREFIX = 'SMAPIv3.';

/** The service of a volume plugin's queue: SMAPIv2 for xapi, and the plugin's own interfaces for people and tools. */
export function volumeService(
  on: VolumeQueue,
  datapaths: { readonly driver: DatapathDriver; readonly plugins: DatapathPlugins; readonly leaked: Leaked },
  { version, observer, timelines, now }: ServiceSurroundings,
): Service {
  const { queue, plugin } = on;
  const interfaces = [
    ...[QueryInterface, Smapiv2SrInterface, VdiInterface, DpInterface, Smapiv2DataInterface],
    ...[VolumePluginInterface, prefixed(SMAPIV3_PREFIX, SrInterface), VolumeInterface],
  ];
  const info = { title: queue, description: 'The storage service of a volume plugin.', version };
  const methods = [
    ...implement(QueryInterface, queryImplementation(on), observer),
    ...implement(Smapiv2SrInterface, srImplementation(on), observer),
    ...implement(VdiInterface, vdiImplementation(on), observer),
    ...implement(DpInterface, dpImplementation(on, datapaths.leaked), observer),
    ...implement(Smapiv2DataInterface, smapiv2DataImplementation(on, datapaths), observer),
    ...passThrough(VolumePluginInterface, plugin, observer),
    ...passThrough(SrInterface, plugin, observer, SMAPIV3_PREFIX),
    ...passThrough(VolumeInterface, plugin, observer),
  ];
  const followed = timelines.follow(methods, 'all');
  return createService(queue, [...followed, discoverMethod(info, interfaces)], observer, now);
}
