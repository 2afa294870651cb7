import type { Parsed } from './formats.ts';
import { ACTIONS, type PolicySetting } from './setting.ts';
import { tablesOf } from './tables.ts';

const WHAT =
  'tables with uid or gid, whole numbers or names; queue, a pattern; and allow, a list of ' +
  `${ACTIONS.join(', ')}; or such a list as JSON`;

/** Tables of a file, or one text with the same as JSON. */
export function parsePolicy(raw: unknown): Parsed<readonly PolicySetting[]> {
  const rules = tablesOf(raw)?.map(readRule) ?? [undefined];
  return rules.every((rule) => rule !== undefined)
    ? { type: 'value', value: rules }
    : { type: 'expected', what: WHAT };
}

function readRule(table: unknown): PolicySetting | undefined {
  if (typeof table !== 'object' || table === null) return undefined;
  const { uid, gid, queue = '*', allow, ...others } = { ...table } as Record<string, unknown>;
  if (Object.keys(others).length > 0 || typeof queue !== 'string' || queue === '') return undefined;
  if (!isId(uid) || !isId(gid) || (uid === undefined && gid === undefined)) return undefined;
  if (!Array.isArray(allow)) return undefined;
  const actions = ACTIONS.filter((action) => allow.includes(action));
  return actions.length === allow.length && allow.length > 0
    ? { uid, gid, queue, allow: actions }
    : undefined;
}

/** Who has a name is looked up at the start. */
const isId = (value: unknown): value is number | string | undefined =>
  value === undefined ||
  (typeof value === 'string' && value !== '') ||
  (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0);
