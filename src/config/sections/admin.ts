import type { Section } from '../setting.ts';

/** The page for people: `/admin/` is answered on the socket of the switch, whatever stands here. */
export const ADMIN = {
  listen: {
    doc: 'Where the page is answered over TCP to whoever has the token: an address of the loopback with a port, such as 127.0.0.1:9156; with port 0 the system chooses one, which is told. Empty: nowhere.',
    format: 'loopback-or-none',
    default: '',
  },
  tokenFile: {
    doc: 'The file with the token for admin.listen. Empty: the credential admin-token of the service manager (LoadCredential=); without that, in a terminal, one is made up and printed at the start.',
    format: 'path-or-none',
    default: '',
  },
  maxFollowers: {
    doc: 'Pages that are open at the same time. One more is told so.',
    format: 'count',
    default: 8,
  },
  interval: {
    doc: 'The time between two messages to an open page. It is longer when much is to be put together, which takes at most 2 % of the time.',
    format: 'duration',
    default: '250ms',
  },
  maxEvents: {
    doc: 'Events of the trace in one message to a page. When there are more, the oldest are left out, and the page tells how many.',
    format: 'count',
    default: 400,
  },
  maxRows: {
    doc: 'Rows of each table that a page is told; of those beyond only the number.',
    format: 'count',
    default: 200,
  },
  maxUnsentBytes: {
    doc: 'Bytes sent to a page and not taken by its reader, above which it is sent nothing: it loses events, and is told how many.',
    format: 'size',
    default: '256KiB',
  },
  slowReaderTimeout: {
    doc: 'A page whose reader takes nothing for this time is closed.',
    format: 'duration',
    default: '30s',
  },
} as const satisfies Section;
