import { matchesGlob } from '../glob.ts';
import type { PeerIdentity } from '../wire/conversation.ts';
import type { In } from './protocol.ts';

/** What a peer may be allowed to do; all but the last three belong to a queue. */
export type Action = 'send' | 'receive' | 'create' | 'destroy' | 'observe' | 'configure' | 'shutdown';

/** Allows actions on the queues that a pattern names to the peers of a uid, of a group, or of both. */
export interface PolicyRule {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** `*` stands for any characters. */
  readonly queue: string;
  readonly allow: readonly Action[];
}

/** What is guarded: requests of the protocol, and changing how the daemon works. */
export type Guarded = In | { readonly type: 'configure' };

/** Says why a request is not allowed; `undefined`: it is. */
export type Guard = (request: Guarded) => string | undefined;

const ROOT = 0;

/**
 * Makes the policy: for a peer, its guard; `undefined` for one that may not connect. Root and the daemon's own user may do
 * all, and so may clients in this process, which have no identity; others what rules allow.
 */
export function createPolicy(
  rules: readonly PolicyRule[],
  ownUid: number,
): (peer: PeerIdentity | undefined) => Guard | undefined {
  return (peer) => {
    if (peer === undefined || peer.uid === ROOT || peer.uid === ownUid) return () => undefined;
    const gids = [peer.gid, ...peer.groups];
    const own = rules.filter(
      ({ uid, gid }) => (uid ?? peer.uid) === peer.uid && (gid === undefined || gids.includes(gid)),
    );
    return own.length === 0 ? undefined : guardOf(peer, own);
  };
}

function guardOf(peer: PeerIdentity, rules: readonly PolicyRule[]): Guard {
  const compiled = rules.map(({ queue, allow }) => ({ matches: matchesGlob(queue), allow }));
  return (request) => {
    for (const [action, queue] of needs(request)) {
      if (compiled.some(({ matches, allow }) => allow.includes(action) && matches(queue))) continue;
      const on = queue === ALL ? '' : ` on the queue ${queue}`;
      return `the user ${peer.uid} may not ${action}${on} (switch.policy)`;
    }
    return undefined;
  };
}

/** What tells about all queues needs a rule that is for all: no name of a queue is this. */
const ALL = '*';

function needs(request: Guarded): readonly (readonly [Action, string])[] {
  switch (request.type) {
    case 'login':
      return [];
    case 'create':
      return [['create', request.queue]];
    case 'destroy':
      return [['destroy', request.queue]];
    case 'send':
      return [['send', request.queue]];
    case 'transfer':
    case 'subscribe':
      return request.queues.map((queue) => ['receive', queue] as const);
    case 'ack':
      return [['receive', request.id.queue]];
    case 'list':
    case 'diagnostics':
    case 'trace':
      return [['observe', ALL]];
    case 'configure':
      return [['configure', ALL]];
    case 'shutdown':
      return [['shutdown', ALL]];
  }
}
