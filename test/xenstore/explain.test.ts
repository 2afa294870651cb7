import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Connection } from '../../src/xenstore/connection.ts';
import { readDiskSides } from '../../src/xenstore/disk-sides.ts';
import { type Explanation, explain, FINDING_CODES } from '../../src/xenstore/explain.ts';
import { startEmbedded } from '../helpers/embedded.ts';
import { recording, STORES } from '../helpers/view.ts';

/** A disk of domain 5, looked at from both sides, on real stores. */

const DEVID = 51712;
const FRONTEND = `/local/domain/5/device/vbd/${DEVID}`;
const backendOf = (kind: string, domid = 0): string => `/local/domain/${domid}/backend/${kind}/5/${DEVID}`;

type Keys = Readonly<Record<string, string | undefined>>;

const FRONTEND_KEYS = {
  backend: backendOf('vbd'),
  'backend-id': '0',
  'virtual-device': `${DEVID}`,
  'ring-ref': '8',
  'event-channel': '3',
  state: '4',
};
const BACKEND_KEYS = {
  frontend: FRONTEND,
  'frontend-id': '5',
  params: 'phy:/dev/disk',
  'physical-device': 'fd:3',
  'hotplug-status': 'connected',
  online: '1',
  state: '4',
};

async function write(client: Connection, node: string, keys: Keys): Promise<void> {
  for (const [key, value] of Object.entries(keys)) {
    if (value !== undefined) await client.write(`${node}/${key}`, value);
  }
}

interface Disk {
  readonly frontend?: Keys;
  readonly backend?: Keys;
  readonly kind?: string;
  readonly domid?: number;
}

async function plug(client: Connection, { frontend = {}, backend = {}, kind = 'vbd', domid = 0 }: Disk) {
  await write(client, FRONTEND, { ...FRONTEND_KEYS, ...frontend });
  await write(client, backendOf(kind, domid), { ...BACKEND_KEYS, ...backend });
}

/** A client of a store in which domain 5 exists. */
async function storeWithDomain(t: TestContext): Promise<Connection> {
  const store = await startEmbedded(t);
  await store.addDomain(5);
  return store.connect();
}

const explained = async (client: Connection): Promise<Explanation> =>
  explain(await readDiskSides(client, 5, DEVID));

const codes = ({ findings }: Explanation): string[] => findings.map(({ code }) => code);

for (const { name, start } of STORES) {
  const on = (behaviour: string, run: (client: Connection) => Promise<void>) =>
    test(`${name} - ${behaviour}`, async (t: TestContext) => {
      const store = await start(t);
      await store.addDomain(5);
      await run(await store.connect());
    });

  on('a disk whose sides are connected is shown with its keys, and nothing is found', async (client) => {
    await plug(client, {});
    const explanation = await explained(client);
    assert.deepEqual(explanation.findings, []);
    assert.equal(explanation.device, 'xvda');
    assert.equal(explanation.frontend?.state, 'Connected');
    assert.equal(explanation.frontend?.keys.get('ring-ref'), '8');
    assert.equal(explanation.backend?.kind, 'vbd');
    assert.equal(explanation.backend?.domid, 0);
    assert.equal(explanation.backend?.path, backendOf('vbd'));
    assert.equal(explanation.backend?.keys.get('params'), 'phy:/dev/disk');
  });

  on('a disk of which there is nothing lacks both sides', async (client) => {
    await client.mkdir('/local/domain/0');
    assert.deepEqual(codes(await explained(client)), ['no-frontend', 'no-backend']);
  });

  on('a backend without a frontend is found, whatever its kind and domain', async (client) => {
    await write(client, backendOf('qdisk', 9), BACKEND_KEYS);
    const explanation = await explained(client);
    assert.deepEqual(codes(explanation), ['no-frontend']);
    assert.equal(explanation.backend?.path, backendOf('qdisk', 9));
    assert.equal(explanation.backend?.kind, 'qdisk');
  });
}

/** What is wrong with a disk, and what is to be found. */
const CASES: readonly (readonly [what: string, disk: Disk, found: readonly string[]])[] = [
  ['a frontend that names vbd, and a backend that is vbd3', { kind: 'vbd3' }, ['backend-elsewhere']],
  [
    'a backend-id that is not the domain of the backend',
    { frontend: { 'backend-id': '7' } },
    ['backend-id-differs'],
  ],
  ['no backend-id', { frontend: { 'backend-id': undefined } }, ['backend-id-differs']],
  ['no backend key', { frontend: { backend: undefined } }, ['backend-key-missing']],
  [
    'a backend key that is no path of one',
    { frontend: { backend: '/local/domain/0/vm' } },
    ['backend-key-wrong'],
  ],
  [
    "a backend key that is another disk's",
    { frontend: { backend: `/local/domain/0/backend/vbd/6/${DEVID}` } },
    ['backend-key-wrong'],
  ],
  [
    'a backend that names another frontend',
    { backend: { frontend: '/local/domain/4/device/vbd/51712', 'frontend-id': '4' } },
    ['backend-names-another-frontend', 'backend-names-another-frontend'],
  ],
  [
    'a frontend without a state',
    { frontend: { state: undefined, 'ring-ref': undefined }, backend: { state: '2' } },
    ['state-missing', 'backend-waits'],
  ],
  ['a state that is none', { frontend: { state: 'x' } }, ['state-unknown']],
  ['no params', { backend: { params: undefined } }, ['params-missing']],
  [
    'a hotplug script that has not finished',
    {
      frontend: { state: '1' },
      backend: { state: '2', 'hotplug-status': undefined, 'physical-device': undefined },
    },
    ['hotplug-missing', 'physical-device-missing', 'backend-waits'],
  ],
  ['a hotplug script that failed', { backend: { 'hotplug-status': 'error' } }, ['hotplug-failed']],
  [
    'a backend that nothing serves',
    { frontend: { state: '1' }, backend: { state: '1' } },
    ['backend-starting'],
  ],
  [
    'a frontend that waits for the backend',
    { frontend: { state: '3' }, backend: { state: '2' } },
    ['frontend-waits'],
  ],
  [
    'a backend that waits for the frontend',
    { frontend: { state: '1' }, backend: { state: '2' } },
    ['backend-waits'],
  ],
  ['a frontend without a ring', { frontend: { 'ring-ref': undefined } }, ['ring-missing']],
  ['a frontend with a ring of several pages', { frontend: { 'ring-ref': undefined, 'ring-ref0': '8' } }, []],
  ['a frontend that is closed', { frontend: { state: '6' } }, ['frontend-closed']],
  ['a backend that is closed under the guest', { backend: { state: '6' } }, ['backend-closed']],
  ['a disk on its way out', { frontend: { state: '5' }, backend: { state: '5' } }, ['closing']],
  [
    'a disk that is closed on both sides',
    { frontend: { state: '6' }, backend: { state: '6', online: '0' } },
    ['closed'],
  ],
  ['a disk that is to be unplugged', { backend: { online: '0' } }, ['offline']],
];

for (const [what, disk, found] of CASES) {
  test(`found: ${what}`, async (t) => {
    const client = await storeWithDomain(t);
    await plug(client, disk);
    const explanation = await explained(client);
    assert.deepEqual(codes(explanation), found);
    for (const { meaning } of explanation.findings) assert.ok(meaning.length > 0);
  });
}

test('vbd3 needs no hotplug script', async (t) => {
  const client = await storeWithDomain(t);
  await plug(client, {
    kind: 'vbd3',
    frontend: { backend: backendOf('vbd3') },
    backend: { 'hotplug-status': undefined, 'physical-device': undefined },
  });
  assert.deepEqual(codes(await explained(client)), []);
});

test('a domain that does not exist is told', async (t) => {
  const client = await storeWithDomain(t);
  await plug(client, {});
  await client.releaseDomain(5);
  await write(client, backendOf('vbd'), BACKEND_KEYS);
  assert.ok(codes(await explained(client)).includes('no-domain'));
});

test('a second backend is told, and the one that the frontend names is the one shown', async (t) => {
  const client = await storeWithDomain(t);
  await plug(client, { kind: 'vbd3', frontend: { backend: backendOf('vbd3') } });
  await write(client, backendOf('vbd'), BACKEND_KEYS);
  const explanation = await explained(client);
  assert.deepEqual(codes(explanation), ['several-backends']);
  assert.equal(explanation.backend?.kind, 'vbd3');
  assert.deepEqual(explanation.otherBackends, [backendOf('vbd')]);
});

for (const path of ['/local/domain/0/secrets', `/local/domain/0/backend/secrets/6/${DEVID}`]) {
  test(`a guest that names ${path} as its backend gets nothing read there`, async (t) => {
    const client = await storeWithDomain(t);
    await plug(client, { frontend: { backend: path } });
    const asked: string[] = [];
    await explained(recording(asked)(client));
    assert.ok(asked.includes(FRONTEND));
    assert.deepEqual(
      asked.filter((one) => one.includes('secrets')),
      [],
    );
  });
}

test('every finding is in the documentation, and no other', () => {
  const docs = readFileSync(join(import.meta.dirname, '../../docs/xenstore.md'), 'utf8');
  const [, section = ''] = docs.split('## What may be wrong with a disk');
  const documented = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([a-z-]+)` \|/gm)].map(
    ([, code]) => code,
  );
  assert.deepEqual(documented, FINDING_CODES);
});
