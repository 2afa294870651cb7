import { parseDatapathRules, parseDomainSockets } from './datapath-rules.ts';
import {
  type Parsed,
  parseChoice,
  parseCount,
  parseDomains,
  parseDuration,
  parseDurationRules,
  parseEndpoint,
  parseFlag,
  parseListenerRules,
  parseLoopback,
  parseMode,
  parsePath,
  parseQueueName,
  parseSize,
  parseStorePath,
  parseText,
  parseTimeoutRules,
  parseVariables,
} from './formats.ts';
import { parseLevels } from './levels.ts';
import { parsePolicy } from './policy.ts';
import type {
  DatapathRuleSetting,
  DomainSocket,
  LevelSetting,
  PolicySetting,
  QueueRule,
  Setting,
  TimeoutRule,
} from './setting.ts';

export type SettingValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly QueueRule[]
  | readonly TimeoutRule[]
  | readonly PolicySetting[]
  | readonly DatapathRuleSetting[]
  | readonly DomainSocket[]
  | readonly LevelSetting[];

/** The smallest number, in bytes or ms where it has a unit: nothing works with less, unless the setting says so. */
const LEAST = 1;

/** Reads a setting's value as any source gives it: a text, or what TOML has a type for. */
export function parseSetting(setting: Setting, raw: unknown): Parsed<SettingValue> {
  switch (setting.format) {
    case 'duration':
      return parseDuration(raw, setting.least ?? LEAST);
    case 'size':
      return parseSize(raw, setting.least ?? LEAST);
    case 'count':
      return parseCount(raw, LEAST);
    case 'mode':
      return parseMode(raw);
    case 'flag':
      return parseFlag(raw);
    case 'domains':
      return parseDomains(raw);
    case 'variables':
      return parseVariables(raw);
    case 'listener-rules':
      return parseListenerRules(raw);
    case 'duration-rules':
      return parseDurationRules(raw);
    case 'timeout-rules':
      return parseTimeoutRules(raw);
    case 'policy-rules':
      return parsePolicy(raw);
    case 'datapath-rules':
      return parseDatapathRules(raw);
    case 'domain-sockets':
      return parseDomainSockets(raw);
    case 'levels':
      return parseLevels(raw);
    case 'choice':
      return parseChoice(raw, setting.choices);
    case 'queue':
      return parseQueueName(raw);
    case 'store-path':
      return parseStorePath(raw);
    case 'loopback-or-none':
      return parseLoopback(raw);
    case 'endpoint-or-none':
      return parseEndpoint(raw);
    case 'path':
      return parsePath(raw);
    case 'text':
    case 'path-or-none':
      return parseText(raw);
  }
}
