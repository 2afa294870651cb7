import type { DatapathReport } from '../storage/daemon-interface.ts';

/** How datapaths are written for people. */

/** On one line: who has it, how far it is, and by what. */
export const datapathLine = (datapath: DatapathReport): string =>
  `${datapath.id}: domain ${datapath.domain}, ${stateText(datapath)}, ${wayText(datapath)}`;

/** `uncertain (detach)` */
export function stateText({ state, step, running }: DatapathReport): string {
  const words = [step, running ? 'running' : undefined].filter((word) => word !== undefined);
  return words.length === 0 ? state : `${state} (${words.join(', ')})`;
}

/** `raw+file: qdisk of domain 0, caching none` */
export function wayText({
  plugin,
  implementations,
  offered,
  driver_domain,
  caching,
}: DatapathReport): string {
  const [implementation = 'nothing'] = [...offered, ...implementations];
  return `${plugin}: ${implementation} of domain ${driver_domain.domid}, caching ${caching}`;
}

/** `5 (0a1b2c3d-…)` */
export const driverDomainText = (domid: number, uuid: string | undefined): string =>
  `${domid}${uuid === undefined ? '' : ` (${uuid})`}`;

/** `vbd/5/xvda (writes, active)` */
export const holderText = ({ dp, writes, active }: DatapathReport['holders'][number]): string =>
  `${dp} (${writes ? 'writes' : 'reads'}${active ? ', active' : ''})`;
