/**
 * What a browser reads by GET on a socket that has other work: a page of one piece, or one that goes on as long as its
 * reader stays. Whoever owns the socket writes it.
 */

export interface SiteRequest {
  /** As sent, not decoded. */
  readonly target: string;
  /** As the client calls this server, where it says so. */
  readonly host: string | undefined;
}

export type SiteAnswer = WholeAnswer | StreamAnswer;

export interface WholeAnswer {
  readonly type: 'whole';
  readonly status: number;
  readonly headers: SiteHeaders;
  readonly body: string;
}

/** The connection ends with it. */
export interface StreamAnswer {
  readonly type: 'stream';
  readonly headers: SiteHeaders;
  /** Begins to send, behind the head; gives what ends it, which is called once. */
  readonly follow: (reader: SiteReader) => () => void;
}

/** Names as they are written, each with a value without line breaks. */
export type SiteHeaders = Readonly<Record<string, string>>;

/** Who reads a page that goes on. */
export interface SiteReader {
  send(text: string): void;
  /** Bytes sent that it has not taken yet. */
  readonly unsent: number;
  /** Ends the connection at once. */
  close(): void;
}

/** Gives what is at a target; nothing: it is none of the site's. Never throws. */
export type Site = (request: SiteRequest) => SiteAnswer | undefined;

export const NO_SITE: Site = () => undefined;
