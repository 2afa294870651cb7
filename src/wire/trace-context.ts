/** Where a call stands in a trace: W3C Trace Context, level 1. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the span of whoever calls. */
  readonly spanId: string;
  /** Two hexadecimal digits. */
  readonly flags: string;
  /** Whether the trace is recorded, as its first caller decided. */
  readonly sampled: boolean;
}

/** Version, trace id, parent id, flags; the version ff and ids of zeros are none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

const SAMPLED = 0x01;

/**
 * The traceparent that a call belongs to. A caller writes it in the second line of `dbg`, as a traceparent or as a JSON
 * object that has one; anything else there is no trace.
 */
export function traceparentOf(dbg: unknown): string | undefined {
  if (typeof dbg !== 'string' || !dbg.includes('\n')) return undefined;
  const [, second = ''] = dbg.split('\n', 2);
  const given = second.trimStart().startsWith('{') ? traceparentIn(second) : second.trim();
  return typeof given === 'string' && TRACEPARENT.test(given) ? given : undefined;
}

function traceparentIn(text: string): unknown {
  try {
    const carrier: unknown = JSON.parse(text);
    return typeof carrier === 'object' && carrier !== null && 'traceparent' in carrier
      ? carrier.traceparent
      : undefined;
  } catch {
    return undefined;
  }
}

export function traceContextOf(dbg: unknown): TraceContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparentOf(dbg) ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, flags, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** The same text with another span as the caller; the rest of it stays as it came. */
export function withSpan(dbg: string, { traceId, flags }: TraceContext, spanId: string): string {
  const traceparent = traceparentOf(dbg);
  if (traceparent === undefined) return dbg;
  const at = dbg.indexOf(traceparent, dbg.indexOf('\n'));
  // JSON may write it with escapes, which nobody does: then the text stays.
  if (at < 0) return dbg;
  return `${dbg.slice(0, at)}00-${traceId}-${spanId}-${flags}${dbg.slice(at + traceparent.length)}`;
}
