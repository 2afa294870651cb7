import type { Static, TSchema } from 'typebox';
import { callScript } from '../../storage/old-api.ts';
import type { ScriptOutcome } from '../../storage/plugins/outcome.ts';
import type { Plugin } from '../../storage/plugins/plugin.ts';
import type { Script } from '../../storage/scripts.ts';
import type { Struct } from '../../wire/value.ts';
import { rounded } from '../daemon.ts';
import { withLastWords } from '../text.ts';
import type { KeptCall } from './recording.ts';

/** A call that was tried, and whether the script did what it is to do. */
export interface Step {
  readonly method: string;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  readonly milliseconds: number;
  /** Why it failed or was skipped. */
  readonly reason?: string;
}

export interface TrialOptions {
  readonly plugin: Plugin;
  /** Told of each call when it has ended. */
  readonly tell: (step: Step) => Promise<void>;
  /** Keeps the calls, where that is wanted. */
  readonly keep: ((call: KeptCall) => void) | undefined;
}

/** The life that is tried can't go on. */
export class Broken extends Error {}

const DBG = 'datapathctl plugin test';

/** Calls the scripts of a plugin one after the other, and notes what came of each. */
export class Trial {
  readonly steps: Step[] = [];
  readonly #options: TrialOptions;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  has(method: string): boolean {
    return this.#options.plugin.has(method);
  }

  /**
   * Calls a script that has to answer well. `fault` says what is wrong with an answer of the right type. Throws `Broken` when
   * there is none.
   */
  async must<Result extends TSchema>(
    script: Script<Result>,
    params: Struct,
    fault: (value: Static<Result>) => string | undefined = () => undefined,
  ): Promise<Static<Result>> {
    const answer = await this.#call(script, params, fault);
    if (answer === undefined) throw new Broken(`${script.name} gave no answer to go on with`);
    return answer.value;
  }

  /** Calls a script that a plugin may lack. Gives the answer, if there is one. */
  async may<Result extends TSchema>(
    script: Script<Result>,
    params: Struct,
    fault: (value: Static<Result>) => string | undefined = () => undefined,
  ): Promise<Static<Result> | undefined> {
    if (!this.has(script.name)) {
      await this.#note({
        method: script.name,
        outcome: 'skipped',
        milliseconds: 0,
        reason: 'there is no such script',
      });
      return undefined;
    }
    return (await this.#call(script, params, fault))?.value;
  }

  /** Calls a script that has to tell of an error. */
  async mustRefuse(script: Script, params: Struct, code: string): Promise<void> {
    const { outcome, milliseconds } = await this.#run(script.name, params);
    const reason =
      outcome.type === 'error' && outcome.code === code
        ? undefined
        : `expected the error ${code}, got ${outcome.type === 'result' ? 'an answer' : reasonOf(outcome)}`;
    await this.#note(stepOf(script.name, milliseconds, reason));
  }

  async #call<Result extends TSchema>(
    script: Script<Result>,
    params: Struct,
    fault: (value: Static<Result>) => string | undefined,
  ): Promise<{ readonly value: Static<Result> } | undefined> {
    const { outcome, milliseconds } = await this.#run(script.name, params);
    if (outcome.type !== 'result') {
      await this.#note(stepOf(script.name, milliseconds, reasonOf(outcome)));
      return undefined;
    }
    const checked = script.check(outcome.value);
    if (checked.type === 'invalid') {
      await this.#note(stepOf(script.name, milliseconds, `an answer of another type: ${checked.reason}`));
      return undefined;
    }
    await this.#note(stepOf(script.name, milliseconds, fault(checked.value)));
    return { value: checked.value };
  }

  async #run(
    method: string,
    given: Struct,
  ): Promise<{ readonly outcome: ScriptOutcome; readonly milliseconds: number }> {
    const { plugin, keep } = this.#options;
    const params = { dbg: DBG, ...given };
    const outcome = await callScript(plugin, method, params);
    const milliseconds = outcome.type === 'missing' ? 0 : rounded(outcome.ran);
    if (outcome.type !== 'missing') keep?.({ ...keptOf(outcome), method, params, milliseconds });
    return { outcome, milliseconds };
  }

  async #note(step: Step): Promise<void> {
    this.steps.push(step);
    await this.#options.tell(step);
  }
}

const stepOf = (method: string, milliseconds: number, reason: string | undefined): Step =>
  reason === undefined
    ? { method, outcome: 'ok', milliseconds }
    : { method, outcome: 'failed', milliseconds, reason };

/** How a call ended, as it is kept. */
export function keptOf(
  outcome: Exclude<ScriptOutcome, { readonly type: 'missing' }>,
): Pick<KeptCall, 'outcome' | 'answer'> {
  switch (outcome.type) {
    case 'result':
      return { outcome: 'result', answer: outcome.value };
    case 'error': {
      const { code, params, backtrace } = outcome;
      return { outcome: 'error', answer: { code, params, backtrace } };
    }
    case 'failed':
      return { outcome: 'failed', answer: outcome.reason };
  }
}

/** Why there is no answer, on one line. */
export function reasonOf(outcome: Exclude<ScriptOutcome, { readonly type: 'result' }>): string {
  switch (outcome.type) {
    case 'missing':
      return 'there is no such script';
    case 'error':
      return [outcome.code, ...outcome.params].join(': ');
    case 'failed':
      return withLastWords(outcome.reason, outcome.stderr);
  }
}
