import type { AnsweredBackend } from '../../src/storage/backend-forms.ts';
import type { Choice } from '../../src/storage/datapath-state.ts';
import type { DatapathDriver, DiskUse, DrivenChoice } from '../../src/storage/datapaths.ts';
import type { Struct, Value } from '../../src/wire/value.ts';

/** A datapath plugin whose scripts are functions of the test. */

export const choiceOf = (given: Partial<Choice> = {}): Choice => ({
  ...{ plugin: 'raw', uri: 'raw:///a', volume: 'a', sharable: false, domid: 0, domainUuid: null },
  ...{ forbidden: [], caching: 'none', ruled: false, reason: 'vbd3 of domain 0, caching none' },
  implementations: ['vbd3', 'vbd', 'qdisk'],
  ...given,
});

export const BACKEND: AnsweredBackend = {
  implementations: [
    ['XenDisk', { params: 'vhd:/dev/a', extra: {}, backend_type: 'vbd3' }],
    ['Nbd', { uri: 'nbd:unix:/a:exportname=a' }],
  ],
};

export const useOf = (given: Partial<DiskUse> = {}): DiskUse => ({
  ...{ sr: 'sr', vdi: 'a', dp: 'vbd/7/xvda', domain: '7', dbg: 'test' },
  ...given,
});

export interface Ran {
  /** `attach` for `Datapath.attach`. */
  readonly script: string;
  readonly params: Struct;
  readonly choice: DrivenChoice;
}

/** What a script answers; it fails with what is thrown. */
export type Answer =
  | Value
  | Promise<Value>
  /** It failed; whether it is certain that nothing has changed. */
  | Failure;

export class Failure extends Error {
  readonly isUndone: boolean;

  constructor(isUndone: boolean) {
    super(isUndone ? 'refused' : 'failed');
    this.isUndone = isUndone;
  }
}

export interface ScriptedDriver extends DatapathDriver {
  readonly ran: readonly Ran[];
  /** The names of the scripts since this was asked last. */
  names(): string[];
}

const whole = ({ script }: Ran): Value => (script === 'attach' ? { ...BACKEND } : null);

/** A driver whose scripts answer as `answer` says, or with what they should. What `answer` throws is the driver's own. */
export function scriptedDriver(answer: (ran: Ran) => Answer = whole): ScriptedDriver {
  const ran: Ran[] = [];
  let told = 0;
  return {
    ran,
    names: () => {
      const names = ran.slice(told).map(({ script }) => script);
      told = ran.length;
      return names;
    },
    run: async (choice, script, params) => {
      const run = { script: script.name.replace('Datapath.', ''), params, choice };
      ran.push(run);
      const answered = await answer(run);
      if (answered instanceof Failure) {
        return { type: 'failed', error: answered, isUndone: answered.isUndone };
      }
      const checked = script.check(answered);
      if (checked.type === 'invalid') throw new Error(checked.reason);
      return { type: 'answer', value: checked.value };
    },
  };
}

/** The driver's scripts do what they should, but for what is given here by name. */
export const scripts = (given: Readonly<Record<string, () => Answer>>): ScriptedDriver =>
  scriptedDriver((ran) => (given[ran.script] ?? (() => whole(ran)))());
