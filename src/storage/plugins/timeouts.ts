import { matchesGlob } from '../../glob.ts';
import type { TimeoutRule } from './settings.ts';

/** Gives the time of the first rule whose pattern fits a method's name, without regard to case; else the usual one. */
export function timeByMethod(rules: readonly TimeoutRule[], usual: number): (method: string) => number {
  const compiled = rules.map(({ method, time }) => ({ matches: matchesGlob(method.toLowerCase()), time }));
  return (method) => {
    const name = method.toLowerCase();
    return compiled.find(({ matches }) => matches(name))?.time ?? usual;
  };
}
