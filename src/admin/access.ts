import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isLoopbackName, LOOPBACK } from '../wire/loopback-name.ts';

/** Who may see the page where no file's permissions say so: whoever knows the token. */

/** What a token looks like: it stands in a URL as it is. */
const TOKEN = /^[A-Za-z0-9._~-]{16,256}$/;

export const isToken = (text: string): boolean => TOKEN.test(text);

export const TOKEN_FORM = '16 to 256 letters, digits, and . _ ~ -';

/** What is looked at of a request. */
export interface AccessRequest {
  readonly target: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly cookie: string | undefined;
}

export type Access =
  | { readonly type: 'allowed' }
  /** The token was right: the browser is to keep this cookie, and to ask without the token from now on. */
  | { readonly type: 'exchange'; readonly cookie: string }
  | { readonly type: 'refused'; readonly status: 401 | 403; readonly reason: string };

const refused = (status: 401 | 403, reason: string): Access => ({ type: 'refused', status, reason });

/** Looks whether a request comes from a browser of this machine's user, and with the token. */
export function createAccess(token: string): (request: AccessRequest) => Access {
  const cookieValue = createHmac('sha256', token).update('the cookie of the page').digest('base64url');
  return ({ target, host, origin, cookie }) => {
    if (host === undefined || !isLoopbackName(host)) {
      return refused(403, 'Host: expected localhost or an address of the loopback');
    }
    if (origin !== undefined && origin !== `http://${host}`) {
      return refused(403, 'Origin: this page answers no other');
    }
    const name = cookieName(host);
    const given = new URLSearchParams(target.split(/\?(.*)/s)[1]).get('token');
    if (given !== null) {
      if (!isSame(given, token)) return refused(403, WRONG_TOKEN);
      return {
        type: 'exchange',
        cookie: `${name}=${cookieValue}; Path=/admin; HttpOnly; SameSite=Strict`,
      };
    }
    const values = cookiesNamed(name, cookie ?? '');
    if (values.length === 0) return refused(401, NO_TOKEN);
    return values.some((value) => isSame(value, cookieValue))
      ? { type: 'allowed' }
      : refused(403, WRONG_TOKEN);
  };
}

const NO_TOKEN =
  'This page wants its token once: open /admin/?token=… as the daemon has printed it, or with the token of admin.tokenFile or of the credential admin-token.';
const WRONG_TOKEN =
  'This is not the token of this page, or it has another one since the daemon was started anew: open /admin/?token=… with the one that it has now.';

/** Cookies don't tell ports apart, and behind each port forwarded there may be another host's page. */
const cookieName = (host: string): string => `datapathd-admin-${LOOPBACK.exec(host)?.[1] ?? '80'}`;

const cookiesNamed = (name: string, header: string): string[] =>
  header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));

/** Takes the same time however much of it is right. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
