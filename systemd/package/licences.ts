import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One of the things that the package is made of, with its licence. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** By its name in the list of SPDX. */
  readonly licence: string;
  /** Its licence with the notices of copyright, as it came. */
  readonly text: string;
}

/** Something has no licence that could be shipped with it. */
export class LicenceError extends Error {}

/** The licences of packages that came without a file of it, as their authors have it beside the source. */
const SUPPLIED = join(import.meta.dirname, 'licences');

const FILE_NAMES = /^(licen[cs]e|copying)(\.(md|txt))?$/i;

/**
 * What a package says of itself, and its licence, which may lie in the folder of another one of the same authors. Throws a
 * `LicenceError` when there is none.
 */
export function readComponent(name: string, folder: string, licenceFolder = folder): Component {
  const manifest: object = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { version, license } = { version: undefined, license: undefined, ...manifest };
  if (typeof version !== 'string' || typeof license !== 'string') {
    throw new LicenceError(`${name} does not say its version and its licence in ${folder}/package.json`);
  }
  return { name, version, licence: license, text: licenceText(name, licenceFolder) };
}

function licenceText(name: string, folder: string): string {
  const file = readdirSync(folder).find((entry) => FILE_NAMES.test(entry));
  if (file !== undefined) return readFileSync(join(folder, file), 'utf8');
  const supplied = join(SUPPLIED, `${name.replace('/', '+')}.txt`);
  if (!existsSync(supplied))
    throw new LicenceError(`${name} has no file with its licence, and there is no ${supplied}`);
  return readFileSync(supplied, 'utf8');
}

/** The licences of all that is in the package, in Debian's format for them. */
export function renderCopyright(own: Component, others: readonly Component[]): string {
  const stanzas = [
    [
      'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
      `Upstream-Name: ${own.name}`,
    ],
    stanza('*', own),
    ...others.map((component) => stanza(`node_modules/${component.name}/*`, component)),
  ];
  return `${stanzas.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const stanza = (files: string, component: Component): string[] => [
  `Files: ${files}`,
  `Copyright: ${holders(component).join('\n ')}`,
  `License: ${component.licence}`,
  ...component.text.trim().split('\n').map(indented),
];

/** An empty line in a field of many lines is a full stop. */
const indented = (line: string): string => {
  const text = line.trimEnd();
  return text === '' ? ' .' : ` ${text}`;
};

/** A point of a list may be `(c)`, too: it says whose something is where a year follows. */
const NOTICE = /^(copyright\b|©|\(c\)\s*[0-9]).*[a-z]/i;
/** What a licence says of notices, and the place in Apache's where one would be. */
const NO_NOTICE = /^copyright (notices?\b|holder|license|and permission)|\[yyyy\]/i;

/** The lines of a licence that say whose it is. */
function holders({ name, text }: Component): string[] {
  const lines = text.split('\n').map((line) => line.replace(/^[\s*#>-]+/, '').trim());
  const found = lines.filter((line) => NOTICE.test(line) && !NO_NOTICE.test(line));
  return found.length === 0
    ? [`the authors of ${name}`]
    : [...new Set(found)].map((line) => line.replace(/^copyright:?\s*/i, ''));
}
