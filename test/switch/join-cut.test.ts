import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { tempDirectory } from '../helpers/temp.ts';
import { login, startSwitch } from './helpers.ts';
import { drained, join } from './joined.ts';

/** A way to a switch on which each connection is cut after so many bytes, in either direction; further ones last. */
async function cutting(t: TestContext, to: string, lengths: readonly number[]): Promise<string> {
  const path = joinPath(tempDirectory(t), 'way');
  const left = [...lengths];
  const server = createServer((near) => {
    const far = connect(to);
    let bytes = left.shift() ?? Number.POSITIVE_INFINITY;
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => {
        into.write(chunk.subarray(0, Math.min(bytes, chunk.length)));
        bytes -= chunk.length;
        if (bytes <= 0) into.end(cut);
      });
      from.on('error', cut);
      from.on('close', cut);
    }
    t.after(cut);
  }).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  return path;
}

test('wherever connections are cut, each request is carried out once, and answered', async (t) => {
  const foreign = await startSwitch(t);
  const caller = await login(t, foreign.path, 'caller');
  const requests = Array.from({ length: 12 }, (_, number) => `${number}`);
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 3000 }), { maxLength: 8 }), async (lengths) => {
      round += 1;
      const [queue, replies] = [`queue-${round}`, `replies-${round}`];
      await caller.text('GET', `/persistent/${queue}`);
      await caller.text('GET', `/transient/${replies}`);
      const runs: string[] = [];
      const answer = async (payload: Buffer) => `${runs.push(`${payload}`)}`;
      const pause = () => Promise.resolve();
      const { joined } = join(t, await cutting(t, foreign.path, lengths), { queue, answer, pause });
      for (const text of requests) await caller.text('POST', `/request/${queue}/${replies}`, text);
      await drained(caller, queue);
      await joined.stop();
      assert.deepEqual(runs.toSorted(), requests.toSorted());
      const body = `{"timeout":0,"queues":["${replies}"]}`;
      const { messages } = JSON.parse(await caller.text('POST', '/transfer', body));
      const answered = new Set(
        messages.map(([, { kind }]: [unknown, { kind: [string, unknown[]] }]) => kind[1][1]),
      );
      assert.equal(answered.size, requests.length);
    }),
    { numRuns: 40 },
  );
});
