import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { exchange } from '../helpers/client.ts';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { BLOCKS, type Block, PROJECT, readPage } from './markdown.ts';
import { OF_INTERFACES } from './runs.ts';

/** The examples of the reference pages: beside a daemon with the shipped plugins, in the folder of its `run`. */

const [PREAMBLE] = readPage('docs/interface.md').blocks.filter(({ language }) => language === 'python');

/** A request as the pages have it: a message of JSON-RPC 1.0. */
const isRequest = ({ language, text }: Block): boolean =>
  language === 'json' && text.startsWith('{"method":');

for (const { page } of OF_INTERFACES) {
  test(`the examples of ${page} work: JSON, shell and Python`, async (t) => {
    const cwd = tempDirectory(t);
    const flags = [
      `--plugins.root=${join(PROJECT, 'src/plugins')}`,
      `--storage.stateDb=${join(cwd, 'state.db')}`,
    ];
    const daemon = await startDaemonProcess(t, { directory: join(cwd, 'run'), flags });
    for (const block of BLOCKS.filter((each) => each.page === page)) {
      const name = `${page}:${block.line}: ${block.text.trimEnd()}`;
      if (isRequest(block)) {
        await t.test(name, async () =>
          assertAnswered(await exchange(t, daemon.socket, block.text), block.text),
        );
      } else if (block.language === 'sh') {
        await t.test(name, async () => {
          const { status, stdout, stderr } = await runProgram(t, 'bash', ['-ec', block.text], { cwd });
          assert.deepEqual([status, stderr], [0, '']);
          assertAnswered(stdout, /'(.*)'/.exec(block.text)?.[1] ?? '');
        });
      } else if (block.language === 'python') {
        await t.test(name, async () => {
          const program = `${PREAMBLE?.text}${block.text}assert results["Status"] == "Success"\n`;
          const { status, stdout, stderr } = await runProgram(t, 'python3', ['-c', program], { cwd });
          assert.deepEqual([status, stderr], [0, '']);
          assert.match(stdout, /^\{'Status': 'Success', 'Value': /);
        });
      }
    }
  });
}

function assertAnswered(answer: string, request: string): void {
  const { result, error, id } = JSON.parse(answer);
  assert.equal(error, null);
  assert.notEqual(result, undefined);
  assert.equal(id, JSON.parse(request).id);
}
