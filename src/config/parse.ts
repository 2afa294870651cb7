import {
  type Parsed,
  parseChoice,
  parseCount,
  parseDuration,
  parseFlag,
  parseMode,
  parseQueueName,
  parseSize,
  parseStorePath,
  parseText,
  parseTexts,
} from './formats.ts';
import type { Setting } from './schema.ts';

export type SettingValue = string | number | boolean | readonly string[];

/** Limits and counts are at least one: nothing works with none. */
const SMALLEST_COUNT = 1;

/** Reads a setting's value as any source gives it: a text, or what TOML has a type for. */
export function parseSetting(setting: Setting, raw: unknown): Parsed<SettingValue> {
  switch (setting.format) {
    case 'duration':
      return parseDuration(raw);
    case 'size':
      return parseSize(raw);
    case 'count':
      return parseCount(raw, SMALLEST_COUNT);
    case 'mode':
      return parseMode(raw);
    case 'flag':
      return parseFlag(raw);
    case 'texts':
      return parseTexts(raw);
    case 'choice':
      return parseChoice(raw, setting.choices);
    case 'queue':
      return parseQueueName(raw);
    case 'store-path':
      return parseStorePath(raw);
    case 'text':
    case 'path':
      return parseText(raw);
  }
}
