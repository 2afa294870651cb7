import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/xenstore/connection.ts';
import { QUEUE } from '../helpers/daemon.ts';
import { SR, throughSocket, VOLUME } from '../helpers/plugins.ts';
import { CLIENT_OPTIONS } from '../helpers/xenstored.ts';
import { ctl, startSwitchProcess } from './helpers.ts';
import {
  SECRET,
  startAnswering,
  startWithDisk,
  startWithSkeletons,
  structsOf,
  textOf,
  useBy,
} from './storage-helpers.ts';

const NOBODY = '00000002-0000-4000-8000-000000000002';

test('where nothing is attached, the lists say so', async (t) => {
  const { run, json } = await startWithSkeletons(t);
  const lists: [string, string][] = [
    ['sr', 'no SR is attached\n'],
    ['datapath', 'no disk is on its way to a domain\n'],
    ['vbd', 'xenstore has no backends of disks\n'],
  ];
  for (const [group, text] of lists) {
    assert.deepEqual(await run(group, 'list'), { status: 0, stdout: text, stderr: '' });
    assert.deepEqual((await json(group, 'list')).value, []);
  }
});

test('sr list and sr show tell of an attached SR and what the plugin says of it', async (t) => {
  const { run, json, directory } = await startWithDisk(t);
  const [head = '', row = ''] = (await run('sr', 'list')).stdout.split('\n');
  assert.match(head, /^SR +QUEUE +HANDLE +DATAPATHS +NOTES$/);
  assert.deepEqual(row.split(/ +/), [SR, VOLUME, directory, '0', ''].slice(0, 4));
  const known = {
    ...{ sr: SR, queue: VOLUME, handle: directory, datasources: [] },
    ...{ taken_over: false, published: true },
  };
  assert.deepEqual((await json('sr', 'list')).value, [{ ...known, datapaths: 0 }]);

  assert.match(
    (await run('sr', 'show', SR)).stdout,
    /^name: +an SR\ndescription: +of a test\nhealth: +Healthy$/m,
  );
  const [shown] = structsOf([(await json('sr', 'show', SR)).value]);
  const { stat, ...rest } = shown ?? {};
  assert.deepEqual(rest, { ...known, datapaths: [] });
  assert.equal(textOf(stat, 'name_label'), 'an SR');
});

test('vdi list and vdi show tell of the disks of an SR, and who uses them', async (t) => {
  const { run, json, call, vdi } = await startWithDisk(t);
  await call('VDI.attach3', { ...useBy('5'), vdi, read_write: true });
  const [head = '', row = ''] = (await run('vdi', 'list', SR)).stdout.split('\n');
  assert.match(head, /^VDI +NAME +SIZE +ON DISK +KIND +USED BY$/);
  assert.match(row, new RegExp(`^${vdi} +a disk +1\\.0 MiB +0 B +user +5$`));
  const [listed] = structsOf((await json('vdi', 'list', SR)).value);
  assert.equal(listed?.vdi, vdi);

  assert.match(
    (await run('vdi', 'show', SR, vdi)).stdout,
    /^ {2}[0-9a-f]{12}: domain 5, attached, raw\+file: qdisk of domain 0/m,
  );
  const [shown] = structsOf([(await json('vdi', 'show', SR, vdi)).value]);
  assert.equal(shown?.virtual_size, 1024 * 1024);
  assert.deepEqual(
    structsOf(shown?.datapaths ?? null).map(({ domain, state }) => ({ domain, state })),
    [{ domain: '5', state: 'attached' }],
  );
});

test('datapath list and datapath show tell who holds a disk, what was chosen, and why', async (t) => {
  const { run, json, call, vdi } = await startWithDisk(t);
  await call('VDI.attach3', { ...useBy('5'), vdi, read_write: true });
  await call('VDI.activate3', { ...useBy('5'), vdi });
  await call('VDI.attach3', { ...useBy('6'), vdi, read_write: false });
  const { value } = await json('datapath', 'list', '--domain', '5');
  const [datapath, second] = structsOf(value);
  assert.equal(second, undefined);
  const { id, reason, ...rest } = datapath ?? {};
  assert.deepEqual(rest, {
    ...{ sr: SR, vdi, domain: '5', state: 'activated', running: false },
    holders: [{ dp: 'vbd/5/xvda', writes: true, active: true }],
    ...{ plugin: 'raw+file', scheme: 'raw+file', driver_domain: { domid: 0 } },
    ...{ implementations: ['vbd3', 'vbd', 'qdisk'], offered: ['qdisk', 'file'], caching: 'none' },
  });
  assert.equal((await run('datapath', 'list', '--sr', SR)).stdout.split('\n').length, 4);
  assert.match((await run('datapath', 'list', '--sr', NOBODY)).stdout, /^no disk/);

  const shown = await run('datapath', 'show', `${id}`.slice(0, 8));
  assert.match(shown.stdout, /^state: +activated$/m);
  assert.match(shown.stdout, new RegExp(`^reason: +${reason}$`, 'm'));
  assert.match(shown.stdout, /^held by:\n {2}vbd\/5\/xvda \(writes, active\)\n$/m);
  assert.deepEqual((await json('datapath', 'show', `${id}`)).value, datapath);
});

test('what may be a secret in a URI is in none of the lists', async (t) => {
  const { daemon, run, json, call } = await startAnswering(t, () => undefined);
  await call('VDI.attach3', { ...useBy('5'), read_write: true });
  const uri = `raw://user:${SECRET}@host/other`;
  const attached = await throughSocket(t, daemon, QUEUE)('Datapath.attach', { uri, domain: '7' });
  assert.equal(attached.error, null);
  const { ran, value } = await json('datapath', 'list');
  assert.equal(ran.stdout.includes(SECRET), false);
  const [first] = structsOf(value).filter(({ domain }) => domain === '7');
  assert.deepEqual([first?.sr, first?.vdi, first?.scheme], ['', '', 'raw']);
  const listed = await run('datapath', 'list');
  assert.match(listed.stdout, / - +raw:… +7 /);
  const shown = await run('datapath', 'show', `${first?.id}`);
  await call('SR.detach');
  const verified = await run('state', 'verify');
  for (const { stdout } of [listed, shown, verified]) assert.equal(stdout.includes(SECRET), false);
});

test('datapath select tells what would be chosen for a URI or for a disk, and opens nothing', async (t) => {
  const { run, json, vdi, directory } = await startWithDisk(t);
  const byUri = await run('datapath', 'select', 'raw+file:///nowhere', '--domain', '5');
  assert.match(byUri.stdout, /^implementation: +vbd3$/m);
  assert.match(
    byUri.stdout,
    /^candidates:\n {2}raw\+file:\/\/\/nowhere: chosen: vbd3 of domain 0, caching none\n$/m,
  );
  const { value } = await json('datapath', 'select', '--sr', SR, '--volume', vdi);
  const [selected] = structsOf([value]);
  assert.equal(textOf(selected?.selection, 'uri'), `raw+file://${directory}/${vdi}.raw`);
  assert.equal((await run('datapath', 'list')).stdout, 'no disk is on its way to a domain\n');

  const none = await run('datapath', 'select', 'nope:x');
  assert.equal(none.status, 1);
  assert.match(
    none.stdout,
    /^candidates:\n {2}nope:x: rejected: no datapath plugin serves the scheme nope\n$/,
  );
  assert.match(none.stderr, /^datapathctl: nothing can be chosen: /);
});

test('vbd list and vbd explain tell what xenstore has of a disk, and nothing of its params', async (t) => {
  const { daemon, run, json } = await startWithSkeletons(t);
  const store = await connect({ ...CLIENT_OPTIONS, path: daemon.storeSocket, onEvent: () => {} });
  t.after(() => store.close());
  const backend = '/local/domain/0/backend/vbd3/5/51712';
  const frontend = '/local/domain/5/device/vbd/51712';
  await store.introduceDomain(5, 1, 2);
  const keys = {
    [`${frontend}/backend`]: backend,
    [`${frontend}/backend-id`]: '0',
    [`${frontend}/state`]: '3',
    [`${frontend}/ring-ref`]: '8',
    [`${backend}/frontend`]: frontend,
    [`${backend}/frontend-id`]: '5',
    [`${backend}/params`]: SECRET,
    [`${backend}/mode`]: 'w',
    [`${backend}/state`]: '2',
  };
  for (const [path, value] of Object.entries(keys)) await store.write(path, value);

  assert.match((await run('vbd', 'list')).stdout, /^5\/xvda +vbd3 +0 +InitWait +w$/m);
  assert.deepEqual((await json('vbd', 'list')).value, [
    {
      ...{ domid: 0, kind: 'vbd3', frontend_domid: 5, devid: 51712, device: 'xvda' },
      ...{ state: 'InitWait', mode: 'w' },
    },
  ]);
  assert.deepEqual((await json('vbd', 'list', '--domain', '6')).value, []);

  const explained = await run('vbd', 'explain', '5/xvda', '--verbose');
  assert.match(explained.stdout, /^backend: +vbd3, InitWait, \/local\/domain\/0\/backend\/vbd3\/5\/51712$/m);
  assert.match(explained.stdout, /^what is wrong:\n {2}the frontend is Initialised, the backend InitWait: /m);
  assert.match(explained.stdout, /^ {2}mode = w$/m);
  const { ran, value } = await json('vbd', 'explain', '5/51712');
  const [explanation] = structsOf([value]);
  assert.deepEqual(
    structsOf(explanation?.findings ?? null).map(({ code }) => code),
    ['frontend-waits'],
  );
  for (const { stdout } of [explained, ran]) assert.equal(stdout.includes(SECRET), false);

  await store.write(`${frontend}/state`, '4');
  await store.write(`${backend}/state`, '4');
  assert.match(
    (await run('vbd', 'explain', '5/xvda')).stdout,
    /^both sides are connected, and fit together$/m,
  );
});

test('what can not be is said in one line', async (t) => {
  const { run } = await startWithDisk(t);
  const cases: [string[], number, RegExp][] = [
    [
      ['sr', 'show', NOBODY],
      1,
      /^datapathctl: the SR .* is not attached here: datapathctl sr list tells which are\n$/,
    ],
    [['vdi', 'list', NOBODY], 1, /is not attached here/],
    [['vdi', 'show', SR, 'nope'], 1, /^datapathctl: VDI\.stat: Volume_does_not_exist: nope\n$/],
    [
      ['datapath', 'show', 'x'],
      1,
      /^datapathctl: no datapath has the id x: datapathctl datapath list tells which there are\n$/,
    ],
    [['datapath', 'select'], 2, /^datapathctl: give a URI, or --sr and --volume\n$/],
    [['datapath', 'select', '--sr', SR], 2, /^datapathctl: give a URI, or --sr and --volume\n$/],
    [
      ['vbd', 'explain', '5'],
      1,
      /^datapathctl: Datapathd\.explain_vbd: params\.device: expected DOMID\/DEVICE.*got "5"\n$/,
    ],
    [['sr', 'list', '--queue', 'nobody.is.here'], 3, /^datapathctl: there is no queue nobody\.is\.here/],
    [
      ['sr', 'list', '--queue', VOLUME],
      1,
      /does not know Datapathd\.srs: is it served by a datapathd of this version\?\n$/,
    ],
  ];
  for (const [words, status, expected] of cases) {
    const ran = await run(...words);
    assert.equal(ran.status, status, words.join(' '));
    assert.match(ran.stderr, expected);
  }
});

test('a switch without the daemon has no such queue', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  for (const words of [
    ['plugin', 'list'],
    ['state', 'verify'],
  ]) {
    const { status, stderr } = await ctl(t, words, { env: { DATAPATHD_SWITCH_PATH: switchSocket } });
    assert.equal(status, 3);
    assert.match(stderr, /^datapathctl: there is no queue org\.xen\.xapi\.datapath/);
  }
});
