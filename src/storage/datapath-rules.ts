import { matchesGlob } from '../glob.ts';
import { BACKEND_KINDS, type BackendKind } from '../xenstore/xenbus.ts';

/** The operator's say in the choice of a datapath. */

/** What carries a disk to a domain: a blkback of Xen's by its directory in xenstore, or what dom0 itself can open. */
export const IMPLEMENTATIONS = ['vbd3', 'vbd', 'qdisk', 'nbd', 'block', 'file'] as const;
export type Implementation = (typeof IMPLEMENTATIONS)[number];

export const isBackendKind = (implementation: Implementation): implementation is BackendKind =>
  BACKEND_KINDS.some((kind) => kind === implementation);

/** Caching strategies: tapdisk's `lcache`, and the `cache=` modes of QEMU. */
export const CACHINGS = ['none', 'writeback', 'writethrough', 'directsync', 'unsafe', 'lcache'] as const;
export type Caching = (typeof CACHINGS)[number];

/** What an implementation can do; the first is what it does when nobody asks for another. */
export const CACHINGS_OF: Readonly<Record<Implementation, readonly Caching[]>> = {
  // tapdisk opens its files with O_DIRECT; lcache keeps what was read on a local disk.
  vbd3: ['none', 'lcache'],
  vbd: ['none'],
  qdisk: ['none', 'writeback', 'writethrough', 'directsync', 'unsafe'],
  nbd: ['none', 'writeback', 'writethrough', 'directsync', 'unsafe'],
  block: ['none', 'writeback'],
  file: ['writeback', 'none'],
};

/** Properties of a choice, to be preferred in the order given, or forbidden. */
export interface Properties {
  readonly implementation: readonly Implementation[];
  /** By domid or by the VM's uuid. */
  readonly driverDomain: readonly string[];
  readonly caching: readonly Caching[];
}

/** A rule holds for what its three patterns match, in which `*` stands for any characters. */
export interface DatapathRule {
  readonly scheme: string;
  readonly sr: string;
  /** The domain that asks, as the plugin is told it: a domid, or `u0_…` for domain 0. */
  readonly domain: string;
  readonly prefer: Properties;
  readonly forbid: Properties;
  /** Of the implementations that are preferred, or of all, the one that carries the fewest disks is taken. */
  readonly spread: boolean;
}

/** What the rules say of one candidate. */
export interface Directions {
  readonly prefer: Properties;
  readonly forbid: Properties;
  readonly spread: boolean;
  /** The rules that matched, by their number in the configuration, from 1. */
  readonly rules: readonly number[];
}

export interface Subject {
  readonly scheme: string;
  readonly sr: string;
  readonly domain: string;
}

/**
 * Compiles the rules. What any rule that matches forbids is forbidden; of each property, the first rule that matches and
 * prefers something of it is followed.
 */
export function compileRules(rules: readonly DatapathRule[]): (subject: Subject) => Directions {
  const compiled = rules.map((rule, index) => ({
    rule,
    number: index + 1,
    matches: [matchesGlob(rule.scheme), matchesGlob(rule.sr), matchesGlob(rule.domain)] as const,
  }));
  return ({ scheme, sr, domain }) => {
    const matching = compiled.filter(
      ({ matches: [byScheme, bySr, byDomain] }) => byScheme(scheme) && bySr(sr) && byDomain(domain),
    );
    const found = matching.map(({ rule }) => rule);
    return {
      prefer: {
        implementation: firstOf(found, ({ prefer }) => prefer.implementation),
        driverDomain: firstOf(found, ({ prefer }) => prefer.driverDomain),
        caching: firstOf(found, ({ prefer }) => prefer.caching),
      },
      forbid: {
        implementation: found.flatMap(({ forbid }) => forbid.implementation),
        driverDomain: found.flatMap(({ forbid }) => forbid.driverDomain),
        caching: found.flatMap(({ forbid }) => forbid.caching),
      },
      spread: found.some(({ spread }) => spread),
      rules: matching.map(({ number }) => number),
    };
  };
}

const firstOf = <T>(
  rules: readonly DatapathRule[],
  preferred: (rule: DatapathRule) => readonly T[],
): readonly T[] => rules.map(preferred).find((list) => list.length > 0) ?? [];
