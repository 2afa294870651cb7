import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Message } from '../answers.ts';
import { asCount, asText, defineCommand, queueArgument } from '../command.ts';
import type { SwitchConnection } from '../connection.ts';
import { type Context, sessionName } from '../context.ts';
import { EXITS, Failure } from '../exit.ts';
import { idText } from '../message-json.ts';
import { errorAnswer } from '../rpc-text.ts';
import { type Run, runProgram } from '../run-program.ts';
import { serveQueue, type Undelivered } from '../serving.ts';
import { harmless } from '../text.ts';
import { typedAnswers } from '../typed-answers.ts';

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
  },
  run: async ({ queue, program, concurrency }, context) => {
    if (program !== undefined) {
      const path = resolve(program);
      return serveFor(queue, concurrency, (payload) => runProgram(path, payload), context);
    }
    const typed = typedAnswers();
    try {
      await serveFor(queue, 1, typed.answer, context);
    } finally {
      typed.close();
    }
  },
});

type Answerer = (payload: Buffer) => Promise<Run>;

/** Serves until something else goes wrong than that the switch is away. */
async function serveFor(
  queue: string,
  concurrency: number,
  answerer: Answerer,
  context: Context,
): Promise<void> {
  const answer = (message: Message): Promise<string | Buffer> => answered(message, answerer, context);
  const refused = ({ id, payload }: Message, reason: string): string => {
    context.tell(harmless(`${idText(id)}: the answer was not taken: ${reason}`));
    return errorAnswer(payload, reason);
  };
  const undelivered: Undelivered = new Map();
  let connections = await connectPair(context);
  for (;;) {
    const [waiting, answering] = connections;
    const serving = {
      queue,
      lifetime: 'persistent',
      concurrency,
      answer,
      refused,
      undelivered,
      waiting,
      answering,
    } as const;
    const lost = await serveQueue(serving).catch((error: unknown) => error);
    waiting.close();
    answering.close();
    if (!isLost(lost)) throw lost;
    context.tell(`${lost.message}: waiting for it to come back`);
    connections = await connectAgain(context);
    context.tell('the switch is back');
  }
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2000;

const isLost = (error: unknown): error is Failure =>
  error instanceof Failure && error.code === EXITS.cannotConnect.code;

/** Two connections of one session. */
const connectPair = async (context: Context): Promise<[SwitchConnection, SwitchConnection]> => [
  await context.connect(sessionName()),
  await context.connect(sessionName()),
];

async function connectAgain(context: Context): Promise<[SwitchConnection, SwitchConnection]> {
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    await pause(wait);
    try {
      return await connectPair(context);
    } catch (error) {
      if (!isLost(error)) throw error;
    }
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
