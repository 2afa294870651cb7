import { isAbsolute } from 'node:path';
import { DOMAIN_NAMES, domainName, isUuid, type Parsed } from './formats.ts';
import {
  CACHINGS,
  type DatapathProperties,
  type DatapathRuleSetting,
  type DomainSocket,
  IMPLEMENTATIONS,
} from './setting.ts';
import { Misfit, parseTables, type Reader, tableOf } from './tables.ts';

const RULES =
  'tables with scheme, sr and domain, patterns; prefer and forbid, tables with implementation, driverDomain and ' +
  'caching; and spread, true or false; or such a list as JSON';

const readPattern: Reader<string> = (raw) =>
  typeof raw === 'string' && raw !== ''
    ? raw
    : new Misfit('a pattern, in which * stands for any characters', raw);

const readFlag: Reader<boolean> = (raw) =>
  typeof raw === 'boolean' ? raw : new Misfit('true or false', raw);

/** A list of names that are known, or one of them alone. */
const listOf =
  <Name extends string>(names: readonly Name[]): Reader<readonly Name[]> =>
  (raw) =>
    readList(raw, `a list of ${names.join(', ')}`, (given) => names.find((name) => name === given));

const readDomains: Reader<readonly string[]> = (raw) =>
  readList(raw, `a list of ${DOMAIN_NAMES}`, domainName);

function readList<T>(
  raw: unknown,
  expected: string,
  read: (raw: unknown) => T | undefined,
): readonly T[] | Misfit {
  const given: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  const list: T[] = [];
  for (const each of given) {
    const item = read(each);
    if (item === undefined) return new Misfit(expected, each);
    list.push(item);
  }
  return list;
}

const readProperties = tableOf<DatapathProperties>({
  implementation: [[], listOf(IMPLEMENTATIONS)],
  driverDomain: [[], readDomains],
  caching: [[], listOf(CACHINGS)],
});

const readRule = tableOf<DatapathRuleSetting>({
  scheme: ['*', readPattern],
  sr: ['*', readPattern],
  domain: ['*', readPattern],
  prefer: [{}, readProperties],
  forbid: [{}, readProperties],
  spread: [false, readFlag],
});

/** Tables of a file, or one text with the same as JSON. */
export const parseDatapathRules = (raw: unknown): Parsed<readonly DatapathRuleSetting[]> =>
  parseTables(raw, RULES, readRule);

const SOCKETS =
  'tables with uuid, of a VM, and socket, the absolute path of a Unix socket; or such a list as JSON';

const readSocket = tableOf<DomainSocket>({
  uuid: [
    '',
    (raw) =>
      typeof raw === 'string' && isUuid(raw) ? raw.toLowerCase() : new Misfit('the uuid of a VM', raw),
  ],
  socket: [
    '',
    (raw) =>
      typeof raw === 'string' && isAbsolute(raw) && !raw.includes('\0')
        ? raw
        : new Misfit('the absolute path of a Unix socket', raw),
  ],
});

/** Tables of a file, or one text with the same as JSON. A domain has one socket. */
export function parseDomainSockets(raw: unknown): Parsed<readonly DomainSocket[]> {
  const seen = new Set<string>();
  return parseTables(raw, SOCKETS, (table) => {
    const read = readSocket(table);
    if (read instanceof Misfit) return read;
    if (seen.has(read.uuid)) return new Misfit('each domain once', read.uuid).in('uuid');
    seen.add(read.uuid);
    return read;
  });
}
