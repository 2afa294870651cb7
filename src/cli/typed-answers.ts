import { createInterface } from 'node:readline';
import type { Run } from './run-program.ts';
import { harmlessLines, payloadText } from './text.ts';

const END_OF_ANSWER = '.';

export interface TypedAnswers {
  answer(payload: Buffer): Promise<Run>;
  close(): void;
}

/** Shows each request and takes the answer from standard input, up to a line of a dot alone. */
export function typedAnswers(): TypedAnswers {
  const typed = createInterface({ input: process.stdin });
  const lines = typed[Symbol.asyncIterator]();
  return {
    answer: async (payload) => {
      process.stdout.write(
        `Received:\n${harmlessLines(payloadText(payload))}\nEnter body text: (end with a "${END_OF_ANSWER}")\n`,
      );
      const answer: string[] = [];
      for (;;) {
        const { done, value } = await lines.next();
        if (done) return { type: 'failed', reason: 'standard input ended before the answer did' };
        if (value === END_OF_ANSWER) return { type: 'answered', answer: Buffer.from(answer.join('\n')) };
        answer.push(value);
      }
    },
    close: () => typed.close(),
  };
}
