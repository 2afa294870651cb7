import { writeJson } from '../../wire/json.ts';
import type { RunOutcome } from './outcome.ts';
import { type PluginKind, type ScriptRun, slotOf } from './plugin.ts';

/** A call of a script, to be kept: params and answer are JSON texts; of one that gave no answer, why not. */
export interface RecordedRun {
  readonly number: number;
  readonly at: string;
  readonly method: string;
  readonly params: string;
  readonly outcome: 'result' | 'error' | 'failed';
  readonly answer: string;
  readonly milliseconds: number;
}

interface Recording {
  askedAt: number;
  made: number;
  lost: number;
  /** The last ones, in order. */
  readonly runs: RecordedRun[];
}

const KEPT_MS = 30_000;
const KEPT_RUNS = 1000;

/** Keeps the calls of plugins that somebody wants to see, and of no others. */
export class Recordings {
  readonly #recordings = new Map<string, Recording>();
  readonly #now: () => number;

  /** `now`: a clock in ms since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The calls of a plugin after that number, of those made since this was first asked. */
  ask(
    plugin: { readonly kind: PluginKind; readonly name: string },
    after: number,
  ): { readonly calls: RecordedRun[]; readonly lost: number } {
    const now = this.#now();
    this.#forget(now);
    const key = slotOf(plugin);
    // Who asks on after a pause knows numbers: the next ones are above them.
    const recording = this.#recordings.get(key) ?? { askedAt: now, made: after, lost: 0, runs: [] };
    this.#recordings.set(key, recording);
    recording.askedAt = now;
    const fetched = recording.runs.findIndex(({ number }) => number > after);
    recording.runs.splice(0, fetched === -1 ? recording.runs.length : fetched);
    return { calls: [...recording.runs], lost: recording.lost };
  }

  /** Told of every call. */
  note(run: ScriptRun): void {
    if (this.#recordings.size === 0) return;
    const now = this.#now();
    this.#forget(now);
    const recording = this.#recordings.get(slotOf(run));
    const { method, params, outcome } = run;
    if (recording === undefined || outcome.type === 'missing') return;
    recording.made += 1;
    recording.runs.push({
      number: recording.made,
      at: new Date(now).toISOString(),
      method,
      params: writeJson(params),
      outcome: outcome.type,
      answer: answerOf(outcome),
      milliseconds: Math.round(outcome.ran * 1000) / 1000,
    });
    if (recording.runs.length <= KEPT_RUNS) return;
    recording.runs.shift();
    recording.lost += 1;
  }

  #forget(now: number): void {
    for (const [key, { askedAt }] of this.#recordings) {
      if (now - askedAt > KEPT_MS) this.#recordings.delete(key);
    }
  }
}

function answerOf(outcome: RunOutcome): string {
  switch (outcome.type) {
    case 'result':
      return writeJson(outcome.value);
    case 'error': {
      const { code, params, backtrace } = outcome;
      return writeJson({ code, params, backtrace });
    }
    case 'failed':
      return outcome.reason;
  }
}
