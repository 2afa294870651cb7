import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectClient } from '../helpers/client.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { startSwitch } from './helpers.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/protocol.md'), 'utf8');

/** What stands in the block of this language behind the heading. */
function block(heading: string, language: string): string {
  const section = PAGE.split('\n## ').find((text) => text.startsWith(heading)) ?? '';
  return new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(section)?.[1] ?? assert.fail(heading);
}

test("the page's bytes are what a client sends and what the switch answers", async (t) => {
  const { path } = await startSwitch(t);
  const client = await connectClient(t, path);
  const lines = block('Byte by byte', '')
    .split('\n')
    .filter((line) => /^[<>] /.test(line));
  assert.ok(lines.length > 10);
  for (const line of lines) {
    const bytes = line.slice(2).split(' ');
    if (line.startsWith('>')) {
      client.send(Buffer.from(bytes.join(''), 'hex'));
      continue;
    }
    const came = [...(await client.receive(bytes.length))].map((byte, place) =>
      bytes[place] === 'tt' ? 'tt' : byte.toString(16).padStart(2, '0'),
    );
    assert.equal(came.join(' '), bytes.join(' '));
  }
});

test("the page's Python client works", async (t) => {
  const { path } = await startSwitch(t);
  const program = join(tempDirectory(t), 'client.py');
  writeFileSync(program, block('A client in Python', 'python'));
  const { status, stdout, stderr } = await runProgram(t, 'python3', [program, path]);
  assert.deepEqual([status, stderr], [0, '']);
  assert.equal(stdout, "hello how are you? ['request', 'nobody'] python\n");
});

test('the page has every method, variant and setting of the protocol', () => {
  const read = (name: string): string =>
    readFileSync(join(import.meta.dirname, '../../src/switch', name), 'utf8');
  const methods = [...read('push-codec.ts').matchAll(/'(switch\.[a-z]+)'/g)].map(([, name]) => name);
  const [, union = ''] = /variant:((?: \||\s|'[A-Za-z_]+')+);/.exec(read('push-codec.ts')) ?? [];
  const variants = [...union.matchAll(/'([A-Za-z_]+)'/g)].map(([, name]) => name);
  assert.ok(methods.length >= 9 && variants.length >= 6);
  for (const name of [...methods, ...variants, 'switch.slowReaderTimeout', 'switch.maxCredit']) {
    assert.ok(PAGE.includes(`\`${name}\``), `${name} is not on the page`);
  }
});
