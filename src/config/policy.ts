import type { Parsed } from './formats.ts';
import { ACTIONS, type PolicySetting } from './setting.ts';

const WHAT =
  'tables with uid or gid, whole numbers; queue, a pattern; and allow, a list of ' +
  `${ACTIONS.join(', ')}; or such a list as JSON`;

/** Tables of a file, or one text with the same as JSON. */
export function parsePolicy(raw: unknown): Parsed<readonly PolicySetting[]> {
  const tables = typeof raw === 'string' ? fromJson(raw) : raw;
  const rules = Array.isArray(tables) ? tables.map(readRule) : [undefined];
  return rules.every((rule) => rule !== undefined)
    ? { type: 'value', value: rules }
    : { type: 'expected', what: WHAT };
}

function fromJson(text: string): unknown {
  if (text === '') return [];
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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

const isId = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0);
