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

const docs = join(import.meta.dirname, '../../docs');
const PAGE = readFileSync(join(docs, 'interfaces/plugin.md'), 'utf8');

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

test("Plugin.Query's members are those of the page, in its order", async (t) => {
  const { socket } = await startDaemonProcess(t);
  const { result } = JSON.parse(
    await exchange(t, socket, '{"method":"Plugin.query","params":[{"dbg":"me"}],"id":1}'),
  );
  const [, example = '{}'] = blocks(sectionOf('Query'), 'json');
  assert.deepEqual(Object.keys(result), Object.keys(JSON.parse(example)));
  assert.equal(QUEUE.endsWith(`.${result.plugin}`), true);
});
