import type { Conversation, Peer, PeerIdentity } from '../wire/conversation.ts';
import { detectProtocol, type Protocol } from '../wire/detect.ts';
import { chooseByFirstByte, refusing, whyUnspoken } from '../wire/first-byte.ts';
import { httpResponse } from '../wire/http-response.ts';
import { NO_PAGES, type Page, type Pages } from '../wire/pages.ts';
import { NO_SITE, type Site } from '../wire/site.ts';
import type { SwitchClient, SwitchHost } from './host.ts';
import { type HttpLimits, type HttpSides, httpConversation } from './http.ts';
import type { Refusal } from './http-codec.ts';
import type { Guard } from './policy.ts';
import { PushConversation, type PushLimits } from './push.ts';
import { writeError } from './push-codec.ts';

/** Each is a setting; the texts name it. */
export interface SwitchFrontLimits extends HttpLimits, PushLimits {
  /** ms that a peer may leave unread what is sent to it, before it is closed. */
  readonly slowReaderTimeout: number;
}

/** What is answered over HTTP and is none of the protocol's. */
export interface Beside {
  readonly pages?: Pages;
  readonly operations?: Operations;
  readonly site?: Site;
}

/**
 * Serves the switch on its socket: gives what starts the conversation of each new connection, in HTTP or in MessagePack,
 * as its first byte says. `refused` is told of every request that is not carried out, with the reason as the client was
 * told it. What is `beside` is read over HTTP without a login by whoever may look at the state of the switch; operations are
 * posted by whoever may configure.
 */
export function createSwitchFront(
  host: SwitchHost,
  limits: SwitchFrontLimits,
  refused: (reason: string) => void,
  beside: Beside = {},
): (peer: Peer) => Conversation {
  const { pages = NO_PAGES, operations = NO_OPERATIONS, site = NO_SITE } = beside;
  const choose = (firstByte: number, peer: Peer): Conversation => {
    const protocol = detectProtocol(firstByte);
    const guard = host.guard(peer.identity);
    if (guard === undefined) return refusing('forbidden', () => forbidden(protocol, peer, refused));
    const client = (): SwitchClient => host.connect(guard);
    if (isHttp(firstByte)) {
      const sides = {
        pageFor: guardedPages(pages, operations, guard, peer.identity),
        siteAt: guarded(site, guard),
      };
      return httpConversation({ client: client(), peer, ...sides }, limits, refused);
    }
    if (protocol === 'messagepack') return new PushConversation(client(), peer, limits, refused);
    return refusing(protocol, () => {
      const reason = whyUnspoken(protocol, firstByte, 'HTTP and MessagePack-RPC');
      refused(reason);
      return `${reason}\n`;
    });
  };
  return (peer) => {
    host.came();
    return chooseByFirstByte((firstByte) => choose(firstByte, peer), limits.slowReaderTimeout);
  };
}

/** Gives what changes how the daemon works when a body is posted to a target; nothing: there is no such target. */
export type Operations = (
  target: string,
) => ((body: Buffer, peer: PeerIdentity | undefined) => Page) | undefined;

const NO_OPERATIONS: Operations = () => undefined;

/** The pages tell of all queues, as the diagnostics do. */
const guarded =
  <Asked, Page>(pageAt: (asked: Asked) => Page | undefined, guard: Guard) =>
  (asked: Asked): Page | Refusal | undefined => {
    const page = pageAt(asked);
    return page && (refusal(guard, 'diagnostics') ?? page);
  };

const guardedPages = (
  pages: Pages,
  operations: Operations,
  guard: Guard,
  peer: PeerIdentity | undefined,
): HttpSides['pageFor'] => {
  const pageAt = guarded(pages, guard);
  return ({ method, target, body }) => {
    switch (method) {
      case 'GET':
        return pageAt(target);
      case 'POST': {
        const operation = operations(target);
        return operation && (refusal(guard, 'configure') ?? operation(body, peer));
      }
      default:
        return undefined;
    }
  };
};

function refusal(guard: Guard, type: 'diagnostics' | 'configure'): Refusal | undefined {
  const reason = guard({ type });
  return reason === undefined ? undefined : { type: 'refused', status: 403, reason };
}

/** In HTTP, unless MessagePack is spoken: a person can read it with any client. */
function forbidden(
  protocol: Protocol,
  { identity }: Peer,
  refused: (reason: string) => void,
): string | Buffer {
  const reason = `the user ${identity?.uid ?? 'unknown'} may not connect (switch.policy)`;
  refused(reason);
  if (protocol === 'messagepack') return writeError(null, { variant: 'Forbidden', text: reason });
  return httpResponse(403, undefined, `${reason}\n`, false).toString();
}

const LETTERS = /[A-Za-z\r\n]/;

/** A method, in whatever case, or the empty line that may come before it. */
const isHttp = (firstByte: number): boolean => LETTERS.test(String.fromCharCode(firstByte));
