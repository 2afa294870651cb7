import { type Config, ConfigError } from '../config.ts';
import { groupId, userId } from '../posix.ts';
import type { PolicyRule } from '../switch/policy.ts';

type PolicySetting = Config['switch']['policy'][number];

/**
 * The rules of `switch.policy` with the numbers of the users and groups that they name. Throws a `ConfigError` that says
 * which rule, from 1, names one that is not there.
 */
export const policyRules = (settings: readonly PolicySetting[]): PolicyRule[] =>
  settings.map((rule, index) => ({
    ...rule,
    uid: numberOf(rule.uid, userId, `table ${index + 1}, uid: there is no user`),
    gid: numberOf(rule.gid, groupId, `table ${index + 1}, gid: there is no group`),
  }));

function numberOf(
  id: number | string | undefined,
  find: (name: string) => number | undefined,
  failure: string,
): number | undefined {
  if (typeof id !== 'string') return id;
  const number = find(id);
  if (number === undefined) throw new ConfigError(`switch.policy, ${failure} ${JSON.stringify(id)}`);
  return number;
}
