/** For a daemon that was started without one. */
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const UTF8_LOCALE = 'C.UTF-8';

export type Variables = Readonly<Record<string, string>>;

/**
 * The variables that every script gets: those of the daemon's own that are named, and a locale in which every language
 * reads and writes UTF-8.
 */
export function cleanEnvironment(
  names: readonly string[],
  own: Readonly<Record<string, string | undefined>>,
): Variables {
  const passed = names.flatMap((name) => {
    const value = own[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { PATH: USUAL_PATH, ...Object.fromEntries(passed), LANG: UTF8_LOCALE, LC_ALL: UTF8_LOCALE };
}

/** W3C Trace Context, level 1: version, trace id, parent id, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The trace that a call belongs to. A caller writes it in the second line of `dbg`, as a traceparent or as a JSON object
 * that has one; anything else there is no trace.
 */
export function traceparentOf(dbg: unknown): string | undefined {
  if (typeof dbg !== 'string') return undefined;
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
