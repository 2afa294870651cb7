import assert from 'node:assert/strict';
import { type Block, SHELL } from './markdown.ts';
import { type Claim, ON_DEBIAN, type Run, UNRUN, type Ways } from './runs.ts';
import type { Outcome, Step } from './session.ts';
import { ALLOWED_COMPLAINTS, patternOf } from './shown.ts';

/** A command of a page, as it is to be run. */
export interface Command {
  /** Page, line and the command itself: names it in a test. */
  readonly name: string;
  /** What the page shows of its output. */
  readonly output: string | undefined;
  readonly step: Step;
  readonly status: number;
}

export const claims = ({ page, sections, begins }: Claim, block: Block): boolean =>
  block.page === page &&
  (sections === undefined || sections.includes(block.section)) &&
  (begins === undefined || block.text.startsWith(begins));

export const nameOf = ({ page, sections = [], begins }: Claim): string =>
  [page, ...sections, begins].filter((part) => part !== undefined).join(', ');

/** The commands of a run, in the order of the page. */
export function commandsOf(run: Run): readonly Command[] {
  const { byLine, before, ways = {} } = run;
  const elsewhere = [...ON_DEBIAN, ...UNRUN];
  const blocks = SHELL.filter(
    (block) => claims(run, block) && !elsewhere.some((other) => claims(other, block)),
  );
  const commands = blocks.flatMap((block) => {
    const texts = byLine === true ? block.text.trimEnd().split('\n') : [block.text.trimEnd()];
    return texts.map((text) => commandOf(block, text, ways));
  });
  return before === undefined ? commands : withBefore(before, commands);
}

/** The same with lines before the first. */
export function withBefore(before: string, [first, ...rest]: readonly Command[]): readonly Command[] {
  if (first === undefined) return [];
  const all = [before, first.step.before].filter((lines) => lines !== undefined).join('\n');
  return [{ ...first, step: { ...first.step, before: all } }, ...rest];
}

export function commandOf(
  { page, line: at, output }: Pick<Block, 'page' | 'line'> & Partial<Pick<Block, 'output'>>,
  text: string,
  ways: Readonly<Record<string, Ways>>,
): Command {
  const [, { instead = {}, status = 0, ...step } = {}] =
    Object.entries(ways).find(([begin]) => text.startsWith(begin)) ?? [];
  const typed = Object.entries(instead).reduce((line, [word, by]) => line.replaceAll(word, by), text);
  const [line = ''] = text.split('\n');
  return { name: `${page}:${at}: ${line}`, output, step: { ...step, text: typed }, status };
}

/** It did what the page says: it succeeded, said nothing else, and printed what stands under it. */
export function assertAsShown({ output, status, step }: Command, outcome: Outcome | undefined): void {
  assert.ok(outcome, 'it was not run');
  const { stdout, stderr, trouble } = outcome;
  assert.equal(trouble, '');
  if (step.until === undefined) assert.equal(outcome.status, status, stdout + stderr);
  const complaints = stderr.split('\n').filter((line) => !ALLOWED_COMPLAINTS.some((some) => some.test(line)));
  assert.deepEqual(complaints, []);
  if (output !== undefined) assert.match(stdout, patternOf(output));
}
