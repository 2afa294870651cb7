import { isDeepStrictEqual } from 'node:util';
import type { Plugin } from '../../storage/plugins/plugin.ts';
import { writeJson } from '../../wire/json.ts';
import { isStruct, type Struct, type Value } from '../../wire/value.ts';
import { rounded } from '../daemon.ts';
import type { KeptCall } from './recording.ts';
import { keptOf, reasonOf } from './trial.ts';

/** A call that was made again. */
export interface Replayed {
  readonly method: string;
  /** same: the answer is; differs: it is another one; failed: an answer then, an error now, or the other way round. */
  readonly outcome: 'same' | 'differs' | 'failed';
  readonly milliseconds: number;
  /** How long it took when it was recorded. */
  readonly before: number;
  /** In what it differs, a line each. */
  readonly differences: readonly string[];
}

/**
 * Makes recorded calls again, one after the other. What a script names anew each time, handles of SRs and keys and URIs of
 * volumes, stands in later calls as it is named now.
 */
export async function replay(
  plugin: Plugin,
  calls: readonly KeptCall[],
  tell: (replayed: Replayed) => Promise<void>,
): Promise<Replayed[]> {
  const named = new Map<string, string>();
  const all: Replayed[] = [];
  for (const call of calls) {
    const replayed = await replayOne(plugin, call, named);
    all.push(replayed);
    await tell(replayed);
  }
  return all;
}

async function replayOne(plugin: Plugin, call: KeptCall, named: Map<string, string>): Promise<Replayed> {
  const outcome = await plugin.call(call.method, renamedStruct(call.params, named));
  const times = {
    method: call.method,
    milliseconds: outcome.type === 'missing' ? 0 : rounded(outcome.ran),
    before: call.milliseconds,
  };
  const failed = (difference: string): Replayed => ({
    ...times,
    outcome: 'failed',
    differences: [difference],
  });
  if (outcome.type === 'missing') return failed('there is no such script');
  const now = keptOf(outcome);
  if (now.outcome !== call.outcome) {
    const then = call.outcome === 'result' ? 'an answer' : errorName(call.answer);
    const here = outcome.type === 'result' ? 'an answer' : reasonOf(outcome);
    return failed(`then ${then}, now ${here}`);
  }
  if (outcome.type === 'failed') return { ...times, outcome: 'same', differences: [] };
  if (outcome.type === 'error') {
    const [then, here] = [errorName(call.answer), errorName(now.answer)];
    return then === here
      ? { ...times, outcome: 'same', differences: [] }
      : failed(`then the error ${then}, now ${here}`);
  }
  learn(call.method, call.answer, now.answer, named);
  const differences = differencesOf(renamed(call.answer, named), now.answer, '');
  return { ...times, outcome: differences.length === 0 ? 'same' : 'differs', differences };
}

const errorName = (answer: Value): string => {
  if (isStruct(answer) && typeof answer.code === 'string') return answer.code;
  return typeof answer === 'string' ? answer : writeJson(answer);
};

/** The methods that give something a name. */
const NAMES_VOLUME = ['volume.create', 'volume.clone', 'volume.snapshot', 'volume.copy'];

function learn(method: string, then: Value, now: Value, named: Map<string, string>): void {
  const lower = method.toLowerCase();
  if (lower === 'sr.attach' && typeof then === 'string' && typeof now === 'string') named.set(then, now);
  if (!NAMES_VOLUME.includes(lower) || !isStruct(then) || !isStruct(now)) return;
  for (const field of ['key', 'uuid'] as const) {
    const [before, after] = [then[field], now[field]];
    if (typeof before === 'string' && typeof after === 'string') named.set(before, after);
  }
  const [before, after] = [then.uri, now.uri];
  if (!Array.isArray(before) || !Array.isArray(after)) return;
  for (const [index, uri] of before.entries()) {
    const other = after[index];
    if (typeof uri === 'string' && typeof other === 'string') named.set(uri, other);
  }
}

const renamedStruct = (struct: Struct, named: ReadonlyMap<string, string>): Struct =>
  Object.fromEntries(Object.entries(struct).map(([name, value]) => [name, renamed(value, named)]));

function renamed(value: Value, named: ReadonlyMap<string, string>): Value {
  if (typeof value === 'string') return named.get(value) ?? value;
  if (Array.isArray(value)) return value.map((each) => renamed(each, named));
  return isStruct(value) ? renamedStruct(value, named) : value;
}

/** `volume.size: 5, now 6`, for each place. */
function differencesOf(then: Value | undefined, now: Value | undefined, place: string): string[] {
  if (isDeepStrictEqual(then, now)) return [];
  if (isStruct(then) && isStruct(now)) {
    const names = [...new Set([...Object.keys(then), ...Object.keys(now)])].sort();
    return names.flatMap((name) =>
      differencesOf(then[name], now[name], place === '' ? name : `${place}.${name}`),
    );
  }
  if (Array.isArray(then) && Array.isArray(now) && then.length === now.length) {
    return then.flatMap((each, index) => differencesOf(each, now[index], `${place}[${index}]`));
  }
  return [`${place === '' ? 'the answer' : place}: ${textOf(then)}, now ${textOf(now)}`];
}

const textOf = (value: Value | undefined): string => (value === undefined ? 'nothing' : writeJson(value));
