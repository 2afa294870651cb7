/** What payloads say: xapi's RPC texts. They may have been cut, and may be anything. */

export interface RequestText {
  readonly method: string | undefined;
  readonly sr: string | undefined;
  readonly vdi: string | undefined;
  readonly domain: string | undefined;
}

export function readRequest(payload: string): RequestText {
  const call = parsed(payload);
  const field = (names: readonly string[]): string | undefined =>
    names
      .map((name) => fieldIn(call?.params, name) ?? fieldInText(payload, name))
      .find((value) => value !== undefined);
  const method = typeof call?.method === 'string' ? call.method : fieldInText(payload, 'method');
  return { method, sr: field(['sr']), vdi: field(['vdi', 'volume']), domain: field(['vm', 'domain']) };
}

export type Outcome = 'ok' | 'failed';

/** `undefined`: it can't be told. */
export function readOutcome(payload: string): Outcome | undefined {
  const answer = parsed(payload);
  if (answer !== undefined) {
    if (answer.error !== undefined && answer.error !== null) return 'failed';
    return 'result' in answer || 'error' in answer ? 'ok' : undefined;
  }
  // The end may be missing, and with it the second of the two.
  if (/^\s*\{\s*"error"\s*:\s*null|^\s*\{[^{[]*"result"\s*:\s*(?!null)/.test(payload)) return 'ok';
  return /"error"\s*:\s*[[{"]/.test(payload) ? 'failed' : undefined;
}

/** A payload as it is best read: JSON with its structure. */
export function pretty(payload: string): string {
  const value = parsed(payload);
  return value === undefined ? payload : JSON.stringify(value, undefined, 2);
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Params come by name: in an object, or in a list of one. */
function fieldIn(params: unknown, name: string): string | undefined {
  const own: unknown = Array.isArray(params) ? params[0] : params;
  const value = isFields(own) && Object.hasOwn(own, name) ? own[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function fieldInText(text: string, name: string): string | undefined {
  const [, value] = new RegExp(`"${name}"\\s*:\\s*"([^"\\\\]+)"`).exec(text) ?? [];
  return value;
}
