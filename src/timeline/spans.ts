import type { Step, TracedCall } from './timelines.ts';

/** A part of a trace, as a collector is told it. Times are ms since the epoch. */
export interface Span {
  readonly name: string;
  readonly kind: 'server' | 'client' | 'internal';
  readonly traceId: string;
  readonly flags: number;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly begun: number;
  readonly ended: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Why it failed; `undefined`: it did not. */
  readonly failure: string | undefined;
}

/** The spans of a call: its own, whose parent is the caller's, and in it one for each part. */
export function spansOf(call: TracedCall, newSpanId: () => string): Span[] {
  const { trace, spanId, queue, method, sr, vdi, message, begun, ended, failure, leftOut } = call;
  const about = present({ QUEUE: queue, METHOD: method, SR: sr, VDI: vdi });
  const common = { traceId: trace.traceId, flags: Number.parseInt(trace.flags, 16) };
  return [
    {
      ...common,
      ...{ name: method, kind: 'server', spanId, parentSpanId: trace.spanId, begun, ended, failure },
      attributes: present({
        ...about,
        MESSAGE_ID: message,
        LEFT_OUT: leftOut === 0 ? undefined : leftOut,
        'error.type': failure,
      }),
    },
    ...call.steps.map((step): Span => {
      const isAsking = step.what === 'script' || step.what === 'driver-domain';
      return {
        ...common,
        name: stepName(step),
        kind: isAsking ? 'client' : 'internal',
        spanId: step.spanId ?? newSpanId(),
        parentSpanId: spanId,
        ...{ begun: step.begun, ended: step.ended, failure: step.failure },
        attributes: present({
          ...about,
          ...(step.method === undefined ? {} : { METHOD: step.method }),
          PLUGIN: step.plugin,
          'process.exit.code': exitCode(step.failure, step.what),
          'error.type': step.failure,
        }),
      };
    }),
  ];
}

function stepName({ what, method = '', plugin = '' }: Step): string {
  switch (what) {
    case 'queue':
      return 'wait in the queue';
    case 'disk':
      return 'wait for the disk';
    case 'plugin':
      return 'wait for the plugin';
    case 'choice':
      return 'choose a datapath';
    case 'script':
      return `${plugin} ${method}`;
    case 'driver-domain':
      return `driver domain ${method}`;
    case 'answer':
      return 'answer';
  }
}

/** 0, or what stands in `exit 3`; none where a script ended otherwise. */
function exitCode(failure: string | undefined, what: Step['what']): number | undefined {
  if (what !== 'script') return undefined;
  if (failure === undefined) return 0;
  const [, code] = /^exit (\d+)/.exec(failure) ?? [];
  return code === undefined ? undefined : Number(code);
}

function present(
  values: Readonly<Record<string, string | number | undefined>>,
): Record<string, string | number> {
  const given: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) given[name] = value;
  return given;
}
