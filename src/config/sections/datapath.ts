import type { Section } from '../setting.ts';

/** The datapath service, and its choices. */
export const DATAPATH = {
  queue: {
    doc: 'The queue of the datapath service. Keep it outside org.xen.xapi.storage: xapi takes every queue that is alive there for an SR driver.',
    format: 'queue',
    default: 'org.xen.xapi.datapath',
  },
  rules: {
    doc: 'What is chosen for which disks. Tables [[datapath.rules]] with scheme, sr and domain, in which * stands for any characters, each by default all; prefer and forbid, tables with lists of implementation, driverDomain and caching; and spread, true to take the implementation that carries the fewest disks. What any rule that matches forbids is forbidden; of each property the first rule that matches and prefers something is followed.',
    format: 'datapath-rules',
    default: [],
  },
  driverDomains: {
    doc: 'Where the datapath services of driver domains are reached. Tables [[datapath.driverDomains]] with uuid, of the VM, and socket, the absolute path of a Unix socket.',
    format: 'domain-sockets',
    default: [],
  },
  driverDomainTimeout: {
    doc: 'How long the datapath service of a driver domain may take for an answer.',
    format: 'duration',
    default: '60s',
  },
} as const satisfies Section;
