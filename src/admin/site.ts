import { isLoopbackName } from '../wire/loopback-name.ts';
import type { Site, SiteAnswer, SiteHeaders } from '../wire/site.ts';
import { type Asset, type Assets, assets as readAssets } from './assets.ts';
import type { Followers } from './followers.ts';

/** Nothing but the page's own files, no frames, no forms, nothing kept by anybody. */
const GUARDED: SiteHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const ROOT = '/admin/';

/**
 * The page for people: its files below `/admin/`, which are read when they are asked for first, and what is new as
 * `/admin/events`. A path is looked up among the names that there are, and never opens a file.
 */
export function createSite(followers: Followers): Site {
  let files: Assets | undefined;
  const fileAt = (name: string): Asset | undefined => {
    files ??= readAssets();
    return files.get(name);
  };
  return ({ target, host }) => {
    const [path = ''] = target.split('?', 1);
    if (path !== '/admin' && !path.startsWith(ROOT)) return undefined;
    // Another name would be one that somebody's name server has made to lead here.
    if (host !== undefined && !isLoopbackName(host)) {
      return textAnswer(403, `Host: expected localhost or an address of the loopback, got ${host}`);
    }
    if (path === '/admin') return seeOther(ROOT, 302);
    if (path === `${ROOT}events`) return followers.answer(streamHeaders);
    const file = fileAt(path === ROOT ? 'index.html' : path.slice(ROOT.length));
    return file === undefined
      ? textAnswer(404, `Not found: ${path}`)
      : whole(200, { 'Content-Type': file.type }, file.body);
  };
}

const streamHeaders: SiteHeaders = { 'Content-Type': 'text/event-stream', ...GUARDED };

/** A page that is one line of text. */
export const textAnswer = (status: number, line: string): SiteAnswer =>
  whole(status, { 'Content-Type': 'text/plain; charset=utf-8' }, `${line}\n`);

export const seeOther = (location: string, status: 302 | 303, headers: SiteHeaders = {}): SiteAnswer =>
  whole(status, { ...headers, Location: location }, '');

const whole = (status: number, headers: SiteHeaders, body: string): SiteAnswer => ({
  type: 'whole',
  status,
  headers: { ...headers, ...GUARDED },
  body,
});
