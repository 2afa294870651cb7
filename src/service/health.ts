import type { Page } from '../wire/pages.ts';

/** What is told at `/healthz`: `ok`, or the reasons, a line each. */
export function healthPage(reasons: readonly string[]): Page {
  const contentType = 'text/plain; charset=utf-8';
  if (reasons.length === 0) return { status: 200, contentType, body: 'ok\n' };
  // A line break in a reason would begin another one.
  const lines = reasons.map((reason) => `${reason.replace(/\p{Cc}+/gu, ' ')}\n`);
  return { status: 503, contentType, body: lines.join('') };
}
