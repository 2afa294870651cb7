import type { PluginStatus } from '../storage/plugins/registry.ts';
import type { ViewState } from '../xenstore/view.ts';

/** What the line for the service manager is made of. */
export interface StatusInput {
  /** The queues that the daemon itself serves. */
  readonly queues: number;
  readonly isSwitch: boolean;
  /** None when no storage interface is served. */
  readonly storage:
    | { readonly view: ViewState; readonly srs: number; readonly plugins: readonly PluginStatus[] }
    | undefined;
  /** Why nothing more is accepted at present. */
  readonly troubles: readonly string[];
}

/** What the daemon does and what is wrong, in one line: `systemctl status` shows it. */
export function statusLine({ queues, isSwitch, storage, troubles }: StatusInput): string {
  const parts = [
    ...(isSwitch ? ['switches messages'] : []),
    ...(storage === undefined ? [] : [`serves ${counted(queues, 'queue')}`]),
    ...(storage === undefined
      ? []
      : [`${counted(storage.srs, 'SR')} attached`, pluginWords(storage.plugins), ...viewWords(storage.view)]),
    ...troubles.map((trouble) => `accepts nothing: ${trouble}`),
  ];
  return parts.join(', ');
}

function pluginWords(plugins: readonly PluginStatus[]): string {
  const registered = plugins.filter(({ plugin }) => plugin !== undefined).length;
  const refused = plugins.filter((each) => each.refused !== undefined).length;
  return `${counted(registered, 'plugin')}${refused === 0 ? '' : ` (${refused} refused)`}`;
}

/** Nothing when all is well. */
function viewWords(view: ViewState): string[] {
  switch (view.state) {
    case 'fresh':
      return [];
    case 'connecting':
    case 'synchronising':
      return ['waits for xenstore'];
    case 'stale':
      return ['without xenstore: answers come from what was last known'];
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
