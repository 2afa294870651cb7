import type { TimeoutRule } from './settings.ts';

/** Gives the time of the first rule whose pattern fits a method's name, without regard to case; else the usual one. */
export function timeByMethod(rules: readonly TimeoutRule[], usual: number): (method: string) => number {
  const compiled = rules.map(({ method, time }) => ({ pattern: compile(method), time }));
  return (method) => compiled.find(({ pattern }) => pattern.test(method))?.time ?? usual;
}

const compile = (glob: string): RegExp => new RegExp(`^${glob.split('*').map(escaped).join('.*')}$`, 'is');

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
