import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const project = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(project, path), 'utf8');

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
  readonly resolved?: string;
}

const locked: Record<string, LockedPackage> = JSON.parse(read('package-lock.json')).packages;

const recorded = [...read('SECURITY.md').matchAll(/^\| ([\w-]+) \| ([\d.]+) \| (sha512-\S+) \|$/gm)];

test('the record names node-ipc and its five dependencies', () => {
  assert.deepEqual(
    recorded.map(([, name]) => name),
    ['node-ipc', 'event-pubsub', 'js-message', 'js-queue', 'easy-stack', 'strong-type'],
  );
});

for (const [, name = '', version, integrity] of recorded) {
  test(`${name} is locked as it was read`, () => {
    const copies = Object.entries(locked).filter(([path]) => path.endsWith(`node_modules/${name}`));
    assert.deepEqual(
      copies.map(([, copy]) => ({ version: copy.version, integrity: copy.integrity })),
      [{ version, integrity }],
    );
  });
}

test('node-ipc is imported in one file', () => {
  const importing = globSync('{src,test,bench,docs}/**/*.ts', { cwd: project }).filter((path) =>
    /^import .* from 'node-ipc'|^[^'/]*import\('node-ipc'\)/m.test(read(path)),
  );
  assert.deepEqual(importing, ['src/socket/listen.ts']);
});

test('msgpackr is imported without its native decoder', () => {
  const imports = globSync('src/**/*.ts', { cwd: project }).flatMap((path) =>
    [...read(path).matchAll(/from '(msgpackr[^']*)'/g)].map(([, name]) => name),
  );
  assert.deepEqual([...new Set(imports)].sort(), ['msgpackr/pack', 'msgpackr/unpack']);
});

test('msgpackr does not load its native decoder through these entries', async () => {
  const entry: object = await import('msgpackr/unpack');
  assert.equal(Object.entries(entry).find(([name]) => name === 'isNativeAccelerationEnabled')?.[1], false);
});

test('every dependency is of an exact version', () => {
  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(read('package.json'));
  for (const [name, version] of Object.entries({
    ...dependencies,
    ...optionalDependencies,
    ...devDependencies,
  })) {
    assert.match(`${version}`, /^\d+\.\d+\.\d+$/, `${name} is of the version ${version}`);
  }
});

test('the lockfile names no registry', () => {
  assert.deepEqual(
    Object.entries(locked).filter(([, { resolved }]) => resolved !== undefined),
    [],
  );
});

test('npm runs no install scripts and keeps the lockfile free of hosts', () => {
  assert.deepEqual(read('.npmrc').trim().split('\n').sort(), [
    'fund=false',
    'ignore-scripts=true',
    'loglevel=error',
    'omit-lockfile-registry-resolved=true',
    'save-exact=true',
    'update-notifier=false',
  ]);
});
