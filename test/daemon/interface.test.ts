import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import metaSchema from '@open-rpc/meta-schema';
import { Ajv } from 'ajv';
import type { InterfaceDefinition } from '../../src/rpc/interface.ts';
import { DatapathdInterface } from '../../src/storage/daemon-interface.ts';
import { DataInterface } from '../../src/storage/data.ts';
import { DatapathInterface } from '../../src/storage/datapath.ts';
import { PluginInterface } from '../../src/storage/plugin.ts';
import { exchange } from '../helpers/client.ts';
import { QUEUE, startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';

const docs = join(import.meta.dirname, '../../docs');
const OVERVIEW = readFileSync(join(docs, 'interface.md'), 'utf8');
const PAGE = readFileSync(join(docs, 'interfaces/plugin.md'), 'utf8');
const METHODS = ['Query', 'ls', 'diagnostics'];

/** The examples of the page in one language, in their order. */
const blocks = (page: string, language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);

const sectionOf = (method: string): string =>
  PAGE.split('\n## ').find((part) => part.startsWith(`Method: \`${method}\``)) ?? '';

const SERVED: readonly InterfaceDefinition[] = [
  PluginInterface,
  DatapathInterface,
  DataInterface,
  DatapathdInterface,
];

test('rpc.discover is an OpenRPC document, as its meta-schema has it, of all methods and spellings', async (t) => {
  const { socket } = await startDaemonProcess(t);
  const { result } = JSON.parse(await exchange(t, socket, '{"method":"rpc.discover","params":[],"id":1}'));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  assert.equal(ajv.validate(metaSchema, result), true, ajv.errorsText());
  assert.deepEqual(
    result.methods.map(({ name }: { name: string }) => name),
    SERVED.flatMap(({ name, methods }) =>
      Object.entries(methods).flatMap(([key, { aliases }]) =>
        [key, ...aliases].map((each) => `${name}.${each}`),
      ),
    ),
  );
});

for (const method of METHODS) {
  test(`the page's examples of ${method} work: JSON, shell and Python`, async (t) => {
    const cwd = tempDirectory(t);
    const daemon = await startDaemonProcess(t, { directory: join(cwd, 'run') });
    const section = sectionOf(method);
    const [json = ''] = blocks(section, 'json');
    const [shell = ''] = blocks(section, 'sh');
    const [python = ''] = blocks(section, 'python');
    const [preamble = ''] = blocks(OVERVIEW, 'python');

    const answer = JSON.parse(await exchange(t, daemon.socket, json));
    assert.equal(answer.error, null);
    assert.equal(answer.id, JSON.parse(json).id);

    const ran = await runProgram(t, 'bash', ['-c', shell], { cwd });
    assert.equal(ran.stderr, '');
    const shellAnswer = JSON.parse(ran.stdout);
    assert.deepEqual(Object.keys(shellAnswer), ['result', 'error', 'id']);
    // Diagnostics count what was asked before.
    if (method !== 'diagnostics') assert.deepEqual(shellAnswer, answer);

    const script = `${preamble}${python}assert results["Status"] == "Success"\nimport json; print(json.dumps(results["Value"]))\n`;
    const { stdout, stderr } = await runProgram(t, 'python3', ['-c', script], { cwd });
    assert.equal(stderr, '');
    const [printed, value = ''] = stdout.trimEnd().split('\n');
    assert.match(printed ?? '', /^\{'Status': 'Success', 'Value': /);
    if (method !== 'diagnostics') assert.deepEqual(JSON.parse(value), answer.result);
  });
}

test("Plugin.Query's members are those of the page, in its order", async (t) => {
  const { socket } = await startDaemonProcess(t);
  const { result } = JSON.parse(
    await exchange(t, socket, '{"method":"Plugin.query","params":[{"dbg":"me"}],"id":1}'),
  );
  const [, example = '{}'] = blocks(sectionOf('Query'), 'json');
  assert.deepEqual(Object.keys(result), Object.keys(JSON.parse(example)));
  assert.equal(QUEUE.endsWith(`.${result.plugin}`), true);
});
