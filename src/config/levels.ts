import type { Parsed } from './formats.ts';
import { LEVELS, type LevelSetting, SUBSYSTEMS } from './setting.ts';

const WHAT = `a table, or one text such as xenstore=debug,plugins=warn, of levels (${LEVELS.join(', ')}) by subsystem (${SUBSYSTEMS.join(', ')})`;

/** The levels of some subsystems: a table of a file, or one text, `subsystem=level,subsystem=level`. */
export function parseLevels(raw: unknown): Parsed<readonly LevelSetting[]> {
  const levels = entriesOf(raw)?.map(readLevel) ?? [undefined];
  return levels.every((level) => level !== undefined)
    ? { type: 'value', value: levels }
    : { type: 'expected', what: WHAT };
}

function entriesOf(raw: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (raw === '') return [];
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return Object.entries(raw);
  if (typeof raw !== 'string') return undefined;
  return raw.split(',').map((entry) => {
    const [name = '', ...rest] = entry.split('=');
    return [name.trim(), rest.join('=').trim()] as const;
  });
}

function readLevel([name, given]: readonly [string, unknown]): LevelSetting | undefined {
  const subsystem = SUBSYSTEMS.find((each) => each === name);
  const level = LEVELS.find((each) => each === given);
  return subsystem === undefined || level === undefined ? undefined : { subsystem, level };
}
