import type { CallReport, StepReport } from '../storage/daemon-monitoring.ts';
import type { AskDomain } from '../storage/driver.ts';
import { hasTimedOut, type ScriptOutcome } from '../storage/plugins/outcome.ts';
import type { ScriptCall, ScriptRun, ScriptWatch } from '../storage/plugins/plugin.ts';
import type { Selected } from '../storage/selector.ts';
import type { Step, Timeline, Timelines } from '../timeline/timelines.ts';

/** Notes each script that a call runs. `told` is told of it when it is answered, with what the caller gave. */
export const followScripts =
  (timelines: Timelines, told: (run: ScriptRun) => void) =>
  (call: ScriptCall): ScriptWatch => {
    const { name: plugin, method, params } = call;
    const asking = timelines.ask('script', { plugin, method, params });
    return {
      params: asking.params,
      ended: (outcome) => {
        asking.ended({ ...timesOf(outcome), failure: failureOf(outcome) });
        told({ ...call, outcome });
      },
    };
  };

const timesOf = (outcome: ScriptOutcome): { readonly waited: number; readonly ran: number } =>
  outcome.type === 'missing' ? { waited: 0, ran: 0 } : outcome;

/** What a script may call its error: a name. Anything else may be of any length, and may hold secrets. */
const CODE = /^\w{1,200}$/;

/** In few words, none of which is the script's own but for the code of its error. */
function failureOf(outcome: ScriptOutcome): string | undefined {
  switch (outcome.type) {
    case 'result':
      return undefined;
    case 'missing':
      return 'Unimplemented';
    case 'error':
      return CODE.test(outcome.code) ? outcome.code : 'error';
    case 'failed':
      return hasTimedOut(outcome) ? 'timed out' : outcome.status;
  }
}

/** Notes each call to a driver domain, which belongs to the trace of the call that needs it. */
export const followDomains =
  (timelines: Timelines, askDomain: AskDomain, now: () => number): AskDomain =>
  async (choice, script, params) => {
    const { plugin } = choice;
    const begun = now();
    const asking = timelines.ask('driver-domain', { plugin, method: script.name, params });
    const driven = await askDomain(choice, script, asking.params);
    const failure = driven.type === 'failed' ? 'failed' : undefined;
    asking.ended({ waited: 0, ran: now() - begun, failure });
    return driven;
  };

/** Notes what was chosen; a choice takes no time to speak of. */
export function noteChoice(timelines: Timelines, { selection }: Selected, now: number): void {
  const failure = selection === undefined ? 'no datapath' : undefined;
  timelines.note({ what: 'choice', begun: now, ended: now, plugin: selection?.plugin, failure });
}

/** As the daemon's own interface tells it. */
export function callReport(timeline: Timeline): CallReport {
  const { number, queue, method, sr, vdi, message, trace, begun, ended, failure, leftOut } = timeline;
  return {
    ...{ number, at: new Date(begun).toISOString(), queue, method },
    ...(sr === undefined ? {} : { sr }),
    ...(vdi === undefined ? {} : { vdi }),
    ...(message === undefined ? {} : { message }),
    ...(trace === undefined ? {} : { trace_id: trace.traceId }),
    milliseconds: inMicroseconds(ended - begun),
    ...(failure === undefined ? {} : { error: failure }),
    steps: timeline.steps.map((step) => stepReport(step, begun)),
    left_out: leftOut,
  };
}

function stepReport({ what, begun, ended, plugin, method, failure }: Step, start: number): StepReport {
  return {
    ...{ what, after: inMicroseconds(begun - start), milliseconds: inMicroseconds(ended - begun) },
    ...(plugin === undefined ? {} : { plugin }),
    ...(method === undefined ? {} : { method }),
    ...(failure === undefined ? {} : { error: failure }),
  };
}

const inMicroseconds = (ms: number): number => Math.round(ms * 1000) / 1000;
