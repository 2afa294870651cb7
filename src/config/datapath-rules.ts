import { isAbsolute } from 'node:path';
import { DOMAIN_NAMES, domainName, isUuid, type Parsed } from './formats.ts';
import {
  CACHINGS,
  type DatapathProperties,
  type DatapathRuleSetting,
  type DomainSocket,
  IMPLEMENTATIONS,
} from './setting.ts';
import { Misfit, membersOf, parseTables, type Reader } from './tables.ts';

const RULES =
  'tables with scheme, sr and domain, patterns; prefer and forbid, tables with implementation, driverDomain and ' +
  'caching; and spread, true or false; or such a list as JSON';

/** Tables of a file, or one text with the same as JSON. */
export const parseDatapathRules = (raw: unknown): Parsed<readonly DatapathRuleSetting[]> =>
  parseTables(raw, RULES, readRule);

const RULE_MEMBERS = ['scheme', 'sr', 'domain', 'prefer', 'forbid', 'spread'];

function readRule(raw: unknown): DatapathRuleSetting | Misfit {
  const table = membersOf(raw, RULE_MEMBERS);
  if (table instanceof Misfit) return table;
  const scheme = readMember(table, 'scheme', '*', readPattern);
  if (scheme instanceof Misfit) return scheme;
  const sr = readMember(table, 'sr', '*', readPattern);
  if (sr instanceof Misfit) return sr;
  const domain = readMember(table, 'domain', '*', readPattern);
  if (domain instanceof Misfit) return domain;
  const prefer = readMember(table, 'prefer', {}, readProperties);
  if (prefer instanceof Misfit) return prefer;
  const forbid = readMember(table, 'forbid', {}, readProperties);
  if (forbid instanceof Misfit) return forbid;
  const spread = readMember(table, 'spread', false, readFlag);
  if (spread instanceof Misfit) return spread;
  return { scheme, sr, domain, prefer, forbid, spread };
}

function readProperties(raw: unknown): DatapathProperties | Misfit {
  const table = membersOf(raw, ['implementation', 'driverDomain', 'caching']);
  if (table instanceof Misfit) return table;
  const implementation = readMember(table, 'implementation', [], listOf(IMPLEMENTATIONS));
  if (implementation instanceof Misfit) return implementation;
  const driverDomain = readMember(table, 'driverDomain', [], readDomains);
  if (driverDomain instanceof Misfit) return driverDomain;
  const caching = readMember(table, 'caching', [], listOf(CACHINGS));
  if (caching instanceof Misfit) return caching;
  return { implementation, driverDomain, caching };
}

function readMember<T>(
  table: Readonly<Record<string, unknown>>,
  name: string,
  otherwise: unknown,
  read: Reader<T>,
): T | Misfit {
  const member = read(Object.hasOwn(table, name) ? table[name] : otherwise);
  return member instanceof Misfit ? member.in(name) : member;
}

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

const SOCKETS =
  'tables with uuid, of a VM, and socket, the absolute path of a Unix socket; or such a list as JSON';

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

function readSocket(raw: unknown): DomainSocket | Misfit {
  const table = membersOf(raw, ['uuid', 'socket']);
  if (table instanceof Misfit) return table;
  const { uuid = '', socket = '' } = table;
  if (typeof uuid !== 'string' || !isUuid(uuid)) return new Misfit('the uuid of a VM', uuid).in('uuid');
  if (typeof socket !== 'string' || !isAbsolute(socket) || socket.includes('\0')) {
    return new Misfit('the absolute path of a Unix socket', socket).in('socket');
  }
  return { uuid: uuid.toLowerCase(), socket };
}
