import { harmless, harmlessLines, table } from './text.ts';

/** Facts of one thing, a line each with its name before it; those that are empty are left out. */
export const factsText = (facts: readonly (readonly [name: string, fact: string])[]): string =>
  table(facts.filter(([, fact]) => fact !== '').map(([name, fact]) => [`${name}:`, harmless(fact)]));

/** Texts below a title, each indented; nothing when there are none. */
export const listText = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${title}:\n${lines.map((line) => `  ${harmlessLines(line)}\n`).join('')}`;
