import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentName, SETTINGS } from '../../src/config/schema.ts';
import { loadConfig } from '../../src/config.ts';
import { complaint } from './helpers.ts';

const load = (environment: Record<string, string>) => loadConfig([], environment).config;

test('each setting has a variable of its own', () => {
  const names = SETTINGS.map(environmentName);
  assert.equal(new Set(names).size, SETTINGS.length);
  for (const name of names) assert.match(name, /^DATAPATHD_[A-Z]+(_[A-Z]+)+$/);
});

test('a variable is named by the section and the key, with _ before each capital', () => {
  const config = load({
    DATAPATHD_SOCKETS_DIRECTORY: '/x',
    DATAPATHD_SOCKETS_MAX_REQUEST_BYTES: '1MiB',
    DATAPATHD_STORAGE_ENABLED: 'false',
    DATAPATHD_XENSTORE_DRIVER_DOMAINS: '5, 7',
  });
  assert.equal(config.sockets.directory, '/x');
  assert.equal(config.sockets.maxRequestBytes, 1_048_576);
  assert.equal(config.storage.enabled, false);
  assert.deepEqual(config.xenstore.driverDomains, ['5', '7']);
});

test('an empty variable is an empty value', () => {
  assert.equal(load({ DATAPATHD_SWITCH_STATE_DIRECTORY: '' }).switch.stateDirectory, '');
  assert.deepEqual(load({ DATAPATHD_XENSTORE_DRIVER_DOMAINS: '' }).xenstore.driverDomains, []);
});

test('variables of others are not looked at', () => {
  assert.deepEqual(
    load({ DATAPATH_X: '1', datapathd_log_level: 'x', XDATAPATHD_X: '1', PATH: '/bin' }),
    load({}),
  );
});

const REFUSED: readonly (readonly [variable: string, value: string, line: string])[] = [
  ['DATAPATHD_X', '1', 'DATAPATHD_X: no such setting (environment); did you mean DATAPATHD_XENSTORE_MODE?'],
  [
    'DATAPATHD_SOCKETS_DIR',
    '/x',
    'DATAPATHD_SOCKETS_DIR: no such setting (environment); did you mean DATAPATHD_SOCKETS_DIRECTORY?',
  ],
  [
    'DATAPATHD_SWITCH_MAXQUEUES',
    '1',
    'DATAPATHD_SWITCH_MAXQUEUES: no such setting (environment); did you mean DATAPATHD_SWITCH_MAX_QUEUES?',
  ],
  [
    'DATAPATHD_LOG_LEVEL',
    '',
    'log.level: expected one of trace, debug, info, warn, error, fatal, silent, got "" (environment DATAPATHD_LOG_LEVEL)',
  ],
  [
    'DATAPATHD_SOCKETS_DIRECTORY',
    '',
    'sockets.directory: expected a path, got "" (environment DATAPATHD_SOCKETS_DIRECTORY)',
  ],
];

for (const [variable, value, line] of REFUSED) {
  test(`${variable}=${value} ends the start`, () => {
    assert.equal(complaint({ environment: { [variable]: value } }), line);
  });
}
