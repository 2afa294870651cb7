import { DatapathdInterface } from '../src/storage/daemon-interface.ts';
import { DataInterface } from '../src/storage/data.ts';
import { DatapathInterface } from '../src/storage/datapath.ts';
import { PluginInterface } from '../src/storage/plugin.ts';
import { Smapiv2DataInterface } from '../src/storage/smapiv2/data.ts';
import { DpInterface } from '../src/storage/smapiv2/dp.ts';
import { QueryInterface } from '../src/storage/smapiv2/query.ts';
import { Smapiv2SrInterface } from '../src/storage/smapiv2/sr.ts';
import { VdiInterface } from '../src/storage/smapiv2/vdi.ts';
import { SrInterface } from '../src/storage/sr.ts';
import { VolumeInterface } from '../src/storage/volume.ts';
import type { InterfacePage } from './render-interface.ts';

/** The queue of the daemon's own interfaces, which the examples speak to. */
export const DATAPATH_QUEUE = 'org.xen.xapi.datapath';

/** The reference pages of the interfaces, a page a family. */
export const INTERFACE_PAGES: readonly InterfacePage[] = [
  {
    path: 'docs/interfaces/plugin.md',
    title: 'Plugin',
    about: '',
    definitions: [PluginInterface],
    queue: DATAPATH_QUEUE,
  },
  {
    path: 'docs/interfaces/datapath.md',
    title: 'Datapath',
    about: '',
    definitions: [DatapathInterface],
    queue: undefined,
  },
  {
    path: 'docs/interfaces/data.md',
    title: 'Data',
    about: '',
    definitions: [DataInterface],
    queue: undefined,
  },
  {
    path: 'docs/interfaces/datapathd.md',
    title: 'Datapathd',
    about: '',
    definitions: [DatapathdInterface],
    queue: DATAPATH_QUEUE,
  },
  { path: 'docs/interfaces/sr.md', title: 'SR', about: '', definitions: [SrInterface], queue: undefined },
  {
    path: 'docs/interfaces/volume.md',
    title: 'Volume',
    about: '',
    definitions: [VolumeInterface],
    queue: undefined,
  },
  {
    path: 'docs/interfaces/smapiv2.md',
    title: 'SMAPIv2',
    about:
      'What xapi forwards to a storage service. Methods of SMAPIv2 that are not here are `Unimplemented`.',
    definitions: [QueryInterface, Smapiv2SrInterface, VdiInterface, DpInterface, Smapiv2DataInterface],
    queue: undefined,
  },
];
