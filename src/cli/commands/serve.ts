import { resolve } from 'node:path';
import type { Message } from '../answers.ts';
import { asCount, asText, defineCommand, HTTP_OPTION, queueArgument } from '../command.ts';
import { type Context, sessionName } from '../context.ts';
import { type Line, useLines } from '../line.ts';
import { idText } from '../message-json.ts';
import { errorAnswer } from '../rpc-text.ts';
import { type Run, runProgram } from '../run-program.ts';
import { serveLine } from '../serve-line.ts';
import type { ServingOptions } from '../serving.ts';
import { harmless } from '../text.ts';
import { typedAnswers } from '../typed-answers.ts';
import { whenBack } from '../when-back.ts';

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'answer the calls of a queue with a program',
  details: [
    'The queue is created where it is not there. For every request the program is run, without a shell and without arguments: the payload is its standard input, the answer is its standard output, without a line break at the end. Its standard error is that of datapathctl.',
    'When it cannot be run, or ends with a status other than 0 or by a signal, the caller is answered with an error of JSON-RPC 1.0 that says so, and a line on standard error says so too.',
    'Without --program each request is shown, and the answer is typed, with a line "." at its end.',
    'A request stays in its queue until it is answered: one that was under way when datapathctl ended comes again, to whoever serves the queue next. When the switch ends, datapathctl waits for it to come back, and sends the answers that it has. An answer that the switch does not take, because it is too large, is replaced by an error. With --json, a line of JSON for every request.',
  ],
  examples: ['datapathctl serve my.queue --program ./answer.py --concurrency 4'],
  arguments: { queue: queueArgument('the queue to serve') },
  options: {
    program: { doc: 'the program to run for every request', value: 'path', read: asText, completion: 'file' },
    concurrency: {
      doc: 'how many requests are answered at the same time',
      value: 'number',
      read: asCount,
      default: 1,
    },
    ...HTTP_OPTION,
  },
  run: async ({ queue, program, concurrency, http }, context) => {
    if (program !== undefined) {
      const path = resolve(program);
      return serveFor({ queue, concurrency, http }, (payload) => runProgram(path, payload), context);
    }
    const typed = typedAnswers();
    try {
      await serveFor({ queue, concurrency: 1, http }, typed.answer, context);
    } finally {
      typed.close();
    }
  },
});

type Answerer = (payload: Buffer) => Promise<Run>;

/** Serves until something else goes wrong than that the switch is away. */
async function serveFor(
  { queue, concurrency, http }: { queue: string; concurrency: number; http: boolean },
  answerer: Answerer,
  context: Context,
): Promise<void> {
  const options: ServingOptions = {
    queue,
    lifetime: 'persistent',
    concurrency,
    answer: (message) => answered(message, answerer, context),
    refused: ({ id, payload }, reason) => {
      context.tell(harmless(`${idText(id)}: the answer was not taken: ${reason}`));
      return errorAnswer(payload, reason);
    },
    undelivered: new Map(),
  };
  // It may be another switch that comes back, and speak another protocol.
  const connect = (): Promise<Line> => context.connectLine(sessionName(), http);
  let line = await connect();
  for (;;) {
    const serving = line;
    const lost = await useLines([serving], context.path(), () =>
      serveLine(serving, options, () => context.connect(sessionName())),
    ).catch((error: unknown) => error);
    line = await whenBack(lost, connect, context);
  }
}

async function answered(message: Message, answerer: Answerer, context: Context): Promise<string | Buffer> {
  const before = performance.now();
  const run = await answerer(message.payload);
  if (run.type === 'failed') context.tell(harmless(`${idText(message.id)}: ${run.reason}`));
  if (context.json) {
    const milliseconds = Math.round(performance.now() - before);
    const failure = run.type === 'failed' ? { error: run.reason } : {};
    await context.printJson({ ...message.id, outcome: run.type, ...failure, milliseconds });
  }
  return run.type === 'answered' ? run.answer : errorAnswer(message.payload, run.reason);
}
