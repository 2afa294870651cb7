import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attachSr, withStorage } from '../daemon/storage-helpers.ts';
import { SR, throughSocket, throughSwitch, VOLUME } from '../helpers/plugins.ts';
import { ctl } from './helpers.ts';

test('trace tells without a collector where the time of a call went: its wait, its scripts, its answer', async (t) => {
  const answering: Parameters<typeof withStorage>[1] = {
    answering:
      ({ answer }) =>
      (call) =>
        call.params.dbg === 'broken' ? { print: '', exit: 3 } : answer(call),
  };
  const { daemon } = await withStorage(t, answering);
  const trace = (...words: string[]) => ctl(t, ['trace', ...words, '--path', daemon.switchSocket]);
  assert.deepEqual(await trace(), { status: 0, stdout: 'no call is kept\n', stderr: '' });

  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const traceId = '0123456789abcdef0123456789abcdef';
  await call('SR.stat', { sr: SR, dbg: `me\n00-${traceId}-00f067aa0ba902b7-00` });
  await throughSocket(t, daemon)('SR.stat', { sr: SR, dbg: 'broken' });

  const { stdout } = await trace();
  const [head = '', , row = '', failed = ''] = stdout.split('\n');
  assert.match(head, /^BEGAN +MESSAGE +METHOD +SR +TOOK +IN QUEUE +SCRIPTS +ANSWER +OUTCOME$/);
  const time = '[0-9.]+ m?s';
  assert.match(
    row,
    new RegExp(`^\\S+Z +${VOLUME}\\.[0-9]+ +SR\\.stat +${SR} +${time} +${time} +${time} +${time} +ok$`),
  );
  assert.match(failed, new RegExp(`^\\S+Z +${VOLUME} +SR\\.stat .* Backend_error SCRIPT_FAILED$`));

  const [listed] = JSON.parse((await trace(traceId, '--json')).stdout);
  assert.equal(listed.trace_id, traceId);
  assert.deepEqual(
    listed.steps
      .map(({ what }: { readonly what: string }) => what)
      .filter((what: string) => what !== 'plugin'),
    ['queue', 'script', 'answer'],
  );
  const shown = await trace(listed.message);
  assert.equal(shown.stderr, '');
  assert.match(shown.stdout, / until the answer, .* in all\nin the daemon: [0-9.]+ m?s in all\n/);
  assert.match(shown.stdout, new RegExp(`^ *${time} +${time}  wait in the queue$`, 'm'));
  assert.match(shown.stdout, new RegExp(`^ *${time} +${time}  ${VOLUME} SR\\.stat$`, 'm'));
  assert.match(shown.stdout, new RegExp(`^ *${time} +${time}  answer$`, 'm'));
});
