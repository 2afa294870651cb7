import { BoundedLabel, OTHER } from './metrics.ts';
import { TimeHistogram } from './metrics-histogram.ts';

export type CallOutcome = 'result' | 'error' | 'failed' | 'timed-out' | 'missing';

/** One call of a script. Times in ms. */
export interface PluginCall {
  readonly kind: string;
  readonly name: string;
  readonly method: string;
  readonly outcome: CallOutcome;
  readonly waited: number;
  readonly ran: number;
}

export interface PluginTimes {
  readonly kind: string;
  readonly name: string;
  readonly waits: TimeHistogram;
  readonly runs: TimeHistogram;
}

export interface CallCount extends Pick<PluginCall, 'kind' | 'name' | 'method' | 'outcome'> {
  calls: number;
}

/** Methods that are told apart, of all plugins together: the interfaces have fewer than half as many. */
const MAX_METHODS = 100;

/** Counts the calls of plugin scripts. So many plugins are told apart, the rest is `other`. */
export class PluginMeter {
  readonly #names: BoundedLabel;
  readonly #methods = new BoundedLabel(MAX_METHODS);
  readonly #times = new Map<string, PluginTimes>();
  readonly #counts = new Map<string, CallCount>();

  constructor(most: number) {
    this.#names = new BoundedLabel(most);
  }

  note({ kind, name: given, method: called, outcome, waited, ran }: PluginCall): void {
    const name = this.label(kind, given);
    const method = this.#methods.of(called);
    const key = `${kind}/${name}`;
    const counted = `${key}/${method}/${outcome}`;
    const count = this.#counts.get(counted) ?? { kind, name, method, outcome, calls: 0 };
    count.calls += 1;
    this.#counts.set(counted, count);
    // Nothing was there to run.
    if (outcome === 'missing') return;
    const times = this.#times.get(key) ?? {
      kind,
      name,
      waits: new TimeHistogram(),
      runs: new TimeHistogram(),
    };
    this.#times.set(key, times);
    times.waits.note(waited);
    times.runs.note(ran);
  }

  /** The plugin's name when it is told apart, else `other`. Both kinds may have the same name. */
  label(kind: string, name: string): string {
    return this.#names.of(`${kind}/${name}`) === OTHER ? OTHER : name;
  }

  get times(): Iterable<PluginTimes> {
    return this.#times.values();
  }

  get counts(): Iterable<CallCount> {
    return this.#counts.values();
  }
}
