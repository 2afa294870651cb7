/** A page that is read with any HTTP client, by path: about the daemon, not of the protocol of the socket that it is asked on. */
export interface Page {
  readonly status: 200 | 400 | 503;
  readonly contentType: string;
  readonly body: string;
}

/** Gives the page at a target; nothing: there is none. Never throws. */
export type Pages = (target: string) => Page | undefined;

export const NO_PAGES: Pages = () => undefined;
