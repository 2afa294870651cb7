import type { InterfaceDefinition } from '../../src/rpc/interface.ts';
import { DatapathdInterface } from '../../src/storage/daemon-interface.ts';
import { DataInterface } from '../../src/storage/data.ts';
import { DatapathInterface } from '../../src/storage/datapath.ts';
import { PluginInterface, VolumePluginInterface } from '../../src/storage/plugin.ts';
import { Smapiv2DataInterface } from '../../src/storage/smapiv2/data.ts';
import { DpInterface } from '../../src/storage/smapiv2/dp.ts';
import { QueryInterface } from '../../src/storage/smapiv2/query.ts';
import { Smapiv2SrInterface } from '../../src/storage/smapiv2/sr.ts';
import { VdiInterface } from '../../src/storage/smapiv2/vdi.ts';
import { SrInterface } from '../../src/storage/sr.ts';
import { VolumeInterface } from '../../src/storage/volume.ts';

export const SMAPIV3: readonly InterfaceDefinition[] = [
  PluginInterface,
  DatapathInterface,
  DataInterface,
  SrInterface,
  VolumeInterface,
];

export const SMAPIV2: readonly InterfaceDefinition[] = [
  QueryInterface,
  Smapiv2SrInterface,
  VdiInterface,
  DpInterface,
  Smapiv2DataInterface,
];

export const ALL: readonly InterfaceDefinition[] = [
  ...SMAPIV3,
  ...SMAPIV2,
  VolumePluginInterface,
  DatapathdInterface,
];
