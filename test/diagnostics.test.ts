import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { type DiagnosticsInput, diagnosticsText } from '../src/diagnostics.ts';
import type { ViewReport } from '../src/xenstore/view.ts';

/** What the text for a bug report says of xenstore. */

const VIEW: ViewReport = {
  view: { state: 'fresh', since: 0 },
  everFresh: true,
  shown: 0,
  shownByDomain: new Map(),
  ignored: { noUuid: 0, halfWritten: 0 },
  followedDomains: [0],
  backends: [],
  events: 0,
  synchronisations: 1,
  lastTrouble: undefined,
};

function textOf(input: Partial<DiagnosticsInput>): string {
  const { config, places } = loadConfig([], {});
  return diagnosticsText({
    version: '1',
    config,
    places,
    started: 0,
    now: 60_000,
    view: undefined,
    services: [],
    switch: undefined,
    joined: [],
    sockets: [],
    troubles: [],
    ...input,
  });
}

test('backends are counted by domain, kind and state, and those not followed by the reason', () => {
  const text = textOf({
    view: {
      ...VIEW,
      backends: [
        {
          domid: 0,
          kind: 'vbd3',
          count: 3,
          states: new Map([
            ['Connected', 2],
            ['no state', 1],
          ]),
          leftOut: new Map([
            ['no-room', 4],
            ['too-large', 5],
            ['no-number', 6],
          ]),
        },
        { domid: 7, kind: 'vbd', count: 0, states: new Map(), leftOut: new Map() },
      ],
    },
  });
  assert.match(text, /vbd3 of domain 0: 3 backends \(2 Connected, 1 no state\)\n/);
  assert.match(
    text,
    /not followed: 4 over xenstore\.maxBackends, 5 larger than xenstore\.maxBackendBytes, 6 whose name is no number/,
  );
  assert.match(text, /vbd of domain 7: 0 backends\n/);
});

test('a publisher whose store is away says why, and what waits', () => {
  const text = textOf({
    publisher: {
      store: { type: 'away', since: 0, reason: 'connect ENOENT' },
      srs: 3,
      waiting: 2,
      lastTrouble: 'EQUOTA',
    },
  });
  assert.match(
    text,
    /SRs published\n.*xenstore away for .*: connect ENOENT\n.*3 SRs, 2 changes not in xenstore yet/,
  );
  assert.match(text, /last trouble: EQUOTA/);
});
