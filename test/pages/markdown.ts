import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What stands on a page of Markdown, as far as it can be run or checked. */

export const PROJECT = join(import.meta.dirname, '../..');

/** The pages of the project, as paths in it. */
export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...globSync('docs/**/*.md', { cwd: PROJECT }).sort(),
];

/** A fenced block. */
export interface Block {
  readonly page: string;
  /** The nearest heading above it, without its marks. */
  readonly section: string;
  /** The number of its first line. */
  readonly line: number;
  /** What stands behind the fence; empty for plain text. */
  readonly language: string;
  readonly text: string;
  /** The plain block that follows it with nothing between: what a command prints. */
  readonly output: string | undefined;
}

/** Code within a line. */
export interface Span {
  readonly page: string;
  readonly section: string;
  readonly line: number;
  readonly text: string;
}

export interface Page {
  readonly blocks: readonly Block[];
  readonly spans: readonly Span[];
}

/** Reads a page. A fence that is not closed is an error. */
export function readPage(page: string, text = readFileSync(join(PROJECT, page), 'utf8')): Page {
  const blocks: Block[] = [];
  const spans: Span[] = [];
  let section = '';
  // A plain block shows the output of the block before while nothing but empty lines are between.
  let asker: number | undefined;
  let open: { readonly line: number; readonly language: string; readonly lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, fence] = /^```(.*)$/.exec(line) ?? [];
    if (open !== undefined) {
      if (fence === undefined) {
        open.lines.push(line);
        continue;
      }
      const inside = open.lines.map((each) => `${each}\n`).join('');
      const asked = open.language === '' && asker !== undefined ? blocks[asker] : undefined;
      if (asker !== undefined && asked !== undefined) blocks[asker] = { ...asked, output: inside };
      const { language } = open;
      blocks.push({ page, section, line: open.line, language, text: inside, output: undefined });
      asker = language === '' ? undefined : blocks.length - 1;
      open = undefined;
    } else if (fence !== undefined) {
      open = { line: index + 2, language: fence, lines: [] };
    } else {
      const [, heading] = /^#+ (.*)$/.exec(line) ?? [];
      if (heading !== undefined) section = heading;
      if (line !== '') asker = undefined;
      for (const [, code = ''] of line.matchAll(/`([^`]+)`/g)) {
        spans.push({ page, section, line: index + 1, text: code.replaceAll('\\|', '|') });
      }
    }
  }
  if (open !== undefined) throw new Error(`${page}:${open.line}: the block has no end`);
  return { blocks, spans };
}

export const READ: readonly Page[] = PAGES.map((page) => readPage(page));
export const BLOCKS: readonly Block[] = READ.flatMap(({ blocks }) => blocks);
export const SPANS: readonly Span[] = READ.flatMap(({ spans }) => spans);

/** The blocks of commands for a shell. */
export const SHELL: readonly Block[] = BLOCKS.filter(({ language }) =>
  ['sh', 'bash', 'shell', 'console', 'shell-session', 'zsh'].includes(language),
);
