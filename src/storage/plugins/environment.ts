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
