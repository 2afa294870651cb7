import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { startEmbedded } from '../../helpers/embedded.ts';
import { storeCommand } from '../../helpers/xenstored.ts';

const RUN = join(import.meta.dirname, '../../xenstored/run-xenstored');

test("Debian's xenstore-write and xenstore-read carry values whole", async (t) => {
  const { directory, connect } = await startEmbedded(t);
  const run = (...words: string[]) => storeCommand(directory, ...words);
  await run('xenstore-write', '/a/plain', 'one two', '/a/empty', '', 'data/own', 'relative');
  assert.equal(await run('xenstore-read', '/a/plain', '/a/empty', 'data/own'), 'one two\n\nrelative\n');
  const client = await connect();
  assert.equal(await client.readText('/local/domain/0/data/own'), 'relative');
  await client.write('/a/plain', 'from us');
  assert.equal(await run('xenstore-read', '-p', '/a/plain'), '/a/plain: from us\n');
});

test("Debian's xenstore-ls shows the tree, and a folder that is larger than a packet", async (t) => {
  const { directory, connect } = await startEmbedded(t);
  const client = await connect();
  const names = Array.from({ length: 400 }, (_, index) => `a-rather-long-name-${index}`);
  for (const name of names) await client.write(`/large/${name}`, '');
  assert.equal(
    await storeCommand(directory, 'xenstore-ls', '/large'),
    names.map((name) => `${name} = ""\n`).join(''),
  );
  assert.match(await storeCommand(directory, 'xenstore-ls'), /^ {3}name = "Domain-0"$/m);
});

test("Debian's xenstore-rm and xenstore-exists say what there is no more", async (t) => {
  const { directory } = await startEmbedded(t);
  await storeCommand(directory, 'xenstore-write', '/a/b', '1');
  await storeCommand(directory, 'xenstore-exists', '/a/b');
  await storeCommand(directory, 'xenstore-rm', '/a');
  await assert.rejects(storeCommand(directory, 'xenstore-exists', '/a/b'), { code: 1 });
  await assert.rejects(storeCommand(directory, 'xenstore-read', '/a/b'), /couldn't read path \/a\/b/);
});

test("Debian's xenstore-watch tells of changes", async (t) => {
  const { directory, connect } = await startEmbedded(t);
  const client = await connect();
  const child = spawn(RUN, ['--client', directory, 'xenstore-watch', '-n', '3', '/w'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  const ended = once(child, 'close');
  await once(output, 'line');
  await client.write('/w/leaf', '1');
  await client.remove('/w');
  const [status] = await ended;
  assert.equal(status, 0);
  assert.deepEqual(lines, ['/w', '/w/leaf', '/w']);
});

test("Debian's clients are told the reason when a limit is hit", async (t) => {
  const { directory } = await startEmbedded(t, { embeddedMaxNodes: 8 });
  await storeCommand(directory, 'xenstore-write', '/a', '1');
  await assert.rejects(storeCommand(directory, 'xenstore-write', '/b', '1'), /could not write path \/b/);
  assert.equal(await storeCommand(directory, 'xenstore-read', '/a'), '1\n');
});
