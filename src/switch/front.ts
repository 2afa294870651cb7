import type { Conversation, Peer } from '../wire/conversation.ts';
import { detectProtocol, type Protocol } from '../wire/detect.ts';
import { chooseByFirstByte, refusing, whyUnspoken } from '../wire/first-byte.ts';
import { httpResponse } from '../wire/http-response.ts';
import { NO_PAGES, type Pages } from '../wire/pages.ts';
import { NO_SITE, type Site } from '../wire/site.ts';
import type { SwitchClient, SwitchHost } from './host.ts';
import { type HttpLimits, httpConversation } from './http.ts';
import type { Refusal } from './http-codec.ts';
import type { Guard } from './policy.ts';
import { PushConversation, type PushLimits } from './push.ts';
import { writeError } from './push-codec.ts';

/** Each is a setting; the texts name it. */
export interface SwitchFrontLimits extends HttpLimits, PushLimits {
  /** ms that a peer may leave unread what is sent to it, before it is closed. */
  readonly slowReaderTimeout: number;
}

/**
 * Serves the switch on its socket: gives what starts the conversation of each new connection, in HTTP or in MessagePack,
 * as its first byte says. `refused` is told of every request that is not carried out, with the reason as the client was
 * told it. What is `beside` is read over HTTP without a login, by whoever may look at the state of the switch.
 */
export function createSwitchFront(
  host: SwitchHost,
  limits: SwitchFrontLimits,
  refused: (reason: string) => void,
  beside: { readonly pages?: Pages; readonly site?: Site } = {},
): (peer: Peer) => Conversation {
  const { pages = NO_PAGES, site = NO_SITE } = beside;
  const choose = (firstByte: number, peer: Peer): Conversation => {
    const protocol = detectProtocol(firstByte);
    const guard = host.guard(peer.identity);
    if (guard === undefined) return refusing('forbidden', () => forbidden(protocol, peer, refused));
    const client = (): SwitchClient => host.connect(guard);
    if (isHttp(firstByte)) {
      const sides = { pageAt: guarded(pages, guard), siteAt: guarded(site, guard) };
      return httpConversation({ client: client(), peer, ...sides }, limits, refused);
    }
    if (protocol === 'messagepack') return new PushConversation(client(), peer, limits, refused);
    return refusing(protocol, () => {
      const reason = whyUnspoken(protocol, firstByte, 'HTTP and MessagePack-RPC');
      refused(reason);
      return `${reason}\n`;
    });
  };
  return (peer) => chooseByFirstByte((firstByte) => choose(firstByte, peer), limits.slowReaderTimeout);
}

/** They tell of all queues, as the diagnostics do. */
const guarded =
  <Asked, Page>(pageAt: (asked: Asked) => Page | undefined, guard: Guard) =>
  (asked: Asked): Page | Refusal | undefined => {
    const page = pageAt(asked);
    const reason = page === undefined ? undefined : guard({ type: 'diagnostics' });
    return reason === undefined ? page : { type: 'refused', status: 403, reason };
  };

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
