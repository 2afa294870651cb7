import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusLine } from '../../src/daemon/status.ts';

const WELL = { queues: 2, isSwitch: true, troubles: [] };
const STORAGE = { view: { state: 'fresh', since: 0 }, srs: 1, plugins: [] } as const;

test('a store that was lost is in the status', () => {
  const view = { state: 'stale', since: 0, reason: 'closed' } as const;
  assert.equal(
    statusLine({ ...WELL, storage: { ...STORAGE, view } }),
    'switches messages, serves 2 queues, 1 SR attached, 0 plugins, without xenstore: answers come from what was last known',
  );
});

test('a plugin that is refused is counted apart', () => {
  const counts = { running: 0, waiting: 0, workers: 0 };
  const refused = {
    ...{ ...counts, name: 'mine', directory: '/mine', plugin: undefined, since: undefined },
    kind: 'volume' as const,
    refused: 'no Plugin.Query',
    warnings: [],
  };
  const line = statusLine({ ...WELL, isSwitch: false, storage: { ...STORAGE, plugins: [refused] } });
  assert.equal(line, 'serves 2 queues, 1 SR attached, 0 plugins (1 refused)');
});

test('why nothing is accepted is in the status', () => {
  const line = statusLine({ ...WELL, storage: undefined, troubles: ['the disk is full'] });
  assert.equal(line, 'switches messages, accepts nothing: the disk is full');
});
