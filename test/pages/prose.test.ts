import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { environmentName, SETTINGS } from '../../src/config/schema.ts';
import { loadConfig } from '../../src/config.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { BLOCKS, PAGES, PROJECT, SPANS } from './markdown.ts';

/** What the pages name is there. */

for (const page of PAGES) {
  test(`the links and files that ${page} names are there`, () => {
    const text = readFileSync(join(PROJECT, page), 'utf8');
    // In code, brackets are no links.
    const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '`code`');
    const links = [...prose.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = '']) =>
      join(dirname(page), path),
    );
    const files = [...text.matchAll(/`((?:src|test|docs|config|systemd)\/[A-Za-z0-9_./-]+)`/g)];
    const missing = [...links, ...files.map(([, path = '']) => path)].filter(
      (path) => !existsSync(join(PROJECT, path)),
    );
    assert.deepEqual(missing, []);
  });
}

const NAMES = new Set(SETTINGS.map(({ name }) => name));
const SECTIONS = new Set(SETTINGS.map(({ section }) => section));
/** What has the form of a setting and is none: files, and the methods of the switch over MessagePack. */
const isOther = (name: string): boolean => name.endsWith('.ts') || METHODS.has(name);
const METHODS = new Set(
  [...readFileSync(join(PROJECT, 'docs/protocol.md'), 'utf8').matchAll(/^\| `(switch\.[a-z]+)` \|/gm)].map(
    ([, name = '']) => name,
  ),
).add('switch.deliver');
const VARIABLES = new Set([...SETTINGS.map(environmentName), 'DATAPATHD_SECTION_KEY']);

test('each setting that a page names is there', () => {
  const wrong = SPANS.flatMap(({ page, line, text }) =>
    [...text.matchAll(/^(?:\[\[|--)?([a-z]+)\.([A-Za-z]+)(?=$| =|=|\]\])/g)]
      .filter(([, section = '', key = '']) => SECTIONS.has(section) && !NAMES.has(`${section}.${key}`))
      .filter(([, section, key]) => !isOther(`${section}.${key}`))
      .map(([named]) => `${page}:${line}: ${named}`),
  );
  assert.deepEqual(wrong, []);
});

test('each variable of the environment that a page names is there', () => {
  const wrong = SPANS.flatMap(({ page, line, text }) =>
    [...text.matchAll(/DATAPATHD_[A-Z_]+/g)]
      .filter(([name]) => !VARIABLES.has(name))
      .map(([name]) => `${page}:${line}: ${name}`),
  );
  assert.deepEqual(wrong, []);
});

for (const { page, line, text } of BLOCKS.filter(({ language }) => language === 'toml')) {
  test(`the daemon takes the settings at ${page}:${line}`, (t) => {
    const file = join(tempDirectory(t), 'datapathd.toml');
    writeFileSync(file, text);
    assert.notEqual(loadConfig([`--config=${file}`], {}).places.size, 0);
  });
}

for (const { page, line, text } of BLOCKS.filter(({ language }) => language === 'json')) {
  test(`what stands at ${page}:${line} is JSON`, () => void JSON.parse(text));
}
