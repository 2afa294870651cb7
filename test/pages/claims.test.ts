import assert from 'node:assert/strict';
import { test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { SHELL, SPANS } from './markdown.ts';
import { faultOf, IN_LINES } from './prose.ts';
import { IN_CHECKOUT, LINES, OF_INTERFACES, ON_DEBIAN, ON_HOST, UNRUN, UNRUN_LINES } from './runs.ts';
import { claims } from './steps.ts';

/** No command of a page is forgotten: neither a new one by the runs, nor one that is gone. */

const RUN = [...IN_CHECKOUT, ...ON_HOST, ...OF_INTERFACES];

for (const block of SHELL) {
  test(`the commands at ${block.page}:${block.line} are run once, or it is said why not`, () => {
    const elsewhere = [...ON_DEBIAN, ...UNRUN].filter((claim) => claims(claim, block));
    const claimed = elsewhere.length > 0 ? elsewhere : RUN.filter((claim) => claims(claim, block));
    assert.equal(claimed.length, 1, `the runs in test/pages/runs.ts: ${JSON.stringify(claimed)}`);
  });
}

test('each run, and each reason why there is none, is of commands that are there', () => {
  const idle = [...RUN, ...ON_DEBIAN, ...UNRUN].filter(
    (claim) => !SHELL.some((block) => claims(claim, block)),
  );
  assert.deepEqual(idle, []);
  for (const { page, ways = {}, ...claim } of [...IN_CHECKOUT, ...ON_HOST]) {
    const texts = SHELL.filter((block) => claims({ page, ...claim }, block)).flatMap(({ text }) => [
      text,
      ...text.split('\n'),
    ]);
    const gone = Object.keys(ways).filter((begin) => !texts.some((text) => text.startsWith(begin)));
    assert.deepEqual(gone, [], page);
  }
  const begins = [...Object.keys(LINES.ways), ...Object.keys(UNRUN_LINES)];
  assert.deepEqual(
    begins.filter((begin) => !IN_LINES.some(({ text }) => text.startsWith(begin))),
    [],
  );
});

test('each command of datapathctl that a page names is one, with its options', () => {
  const wrong = IN_LINES.filter(({ text }) => text.startsWith('datapathctl '))
    // Examples stand for what the reader puts there.
    .map((span) => ({ ...span, fault: faultOf(span.text.replace('QUEUE.NUMBER', 'queue.1')) }))
    .filter(({ fault }) => fault !== undefined)
    .map(({ page, line, text, fault }) => `${page}:${line}: ${text}: ${fault}`);
  assert.deepEqual(wrong, []);
});

test('each script of npm that a page names is there', () => {
  const texts = [...SPANS, ...SHELL].flatMap(({ text }) => [
    ...text.matchAll(/\bnpm (?:run (?:--silent )?([\w-]+)|(start|test)\b)/g),
  ]);
  const named = texts.map(([, script, short = '']) => script ?? short);
  assert.deepEqual(
    named.filter((script) => !Object.keys(packageJson.scripts).includes(script)),
    [],
  );
});
