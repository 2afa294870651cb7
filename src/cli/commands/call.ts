import { readFileSync } from 'node:fs';
import { JsonFailure, parseJsonBytes, writeJson } from '../../wire/json.ts';
import { isStruct, type Struct, type Value } from '../../wire/value.ts';
import { openCaller } from '../caller.ts';
import { asSeconds, asText, defineCommand, HTTP_OPTION, queueArgument } from '../command.ts';
import { sessionName } from '../context.ts';
import { Failure, noSuchQueue } from '../exit.ts';
import { readInput } from '../input.ts';
import { LARGEST_PUSHED_BYTES, useLines } from '../line.ts';
import { harmlessLines, payloadText } from '../text.ts';

const DEFAULT_TIMEOUT_SECONDS = 30;

export const callCommand = defineCommand({
  name: 'call',
  summary: 'send one request to a queue through the switch and print the answer',
  details: [
    'The request is made of a method and its named parameters, or it is given as it is, with --body, with --file or on standard input. The queue that is called is not created.',
    'An answer that is an error is an answer: it is printed, and the exit status is 0.',
  ],
  examples: [
    'datapathctl call org.xen.xapi.datapath Plugin.ls',
    `datapathctl call org.xen.xapi.datapath Plugin.ls '{"dbg":"me"}' --timeout 5`,
    'datapathctl call my.queue --file request.json',
  ],
  arguments: {
    queue: queueArgument('the queue to call'),
    method: { doc: 'a method: the request is made of it and the params', read: asText, optional: true },
    params: { doc: 'the named parameters as a JSON object', read: asText, optional: true },
  },
  options: {
    body: { doc: 'the request as it is, instead of a method', value: 'text', read: asText },
    file: {
      doc: 'a file with the request as it is',
      value: 'path',
      read: asText,
      completion: 'file',
    },
    timeout: {
      doc: 'how long to wait for the answer',
      value: 'seconds',
      read: asSeconds,
      default: DEFAULT_TIMEOUT_SECONDS,
    },
    ...HTTP_OPTION,
  },
  run: async (given, context) => {
    const { queue, timeout } = given;
    const body = await requestBody(given);
    const session = sessionName();
    const http = given.http || Buffer.byteLength(body) > LARGEST_PUSHED_BYTES;
    const line = await context.connectLine(session, http);
    await useLines([line], context.path(), async () => {
      const caller = await openCaller(line, session);
      const before = performance.now();
      const outcome = await caller.call(queue, body, timeout);
      const milliseconds = Math.round((performance.now() - before) * 1000) / 1000;
      await caller.leave();
      switch (outcome.type) {
        case 'answered':
          return context.json
            ? context.print(`${writeJson({ queue, answer: parsed(outcome.answer), milliseconds })}\n`)
            : context.print(shown(outcome.answer));
        case 'no-such-queue':
          throw noSuchQueue(queue);
        case 'timed-out':
          throw new Failure(
            'timedOut',
            `no answer from ${queue} within ${timeout} s: is anybody serving it? datapathctl diagnostics tells`,
          );
      }
    });
  },
});

interface Source {
  readonly method: string | undefined;
  readonly params: string | undefined;
  readonly body: string | undefined;
  readonly file: string | undefined;
}

async function requestBody({ method, params = '{}', body, file }: Source): Promise<string | Buffer> {
  const given = [method, body, file].filter((source) => source !== undefined).length;
  if (given > 1) throw new Failure('usage', 'give a method, --body or --file, and only one of them');
  if (body !== undefined) return body;
  if (file !== undefined) return readRequest(file);
  if (method !== undefined) {
    return writeJson({ method, params: [{ dbg: 'datapathctl', ...namedParams(params) }], id: 1 });
  }
  const typed = await readInput('Enter body text:');
  if (typed.length > 0) return typed;
  throw new Failure('usage', 'give a method, --body or --file, or the request on standard input');
}

function readRequest(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Failure('usage', `--file: ${error instanceof Error ? error.message : error}`);
  }
}

/** How deep params and answers may be nested to be read as what they are. */
const LIMITS = { maxDepth: 200 };

/** With every digit of their numbers: sizes are integers of 64 bits. */
function namedParams(text: string): Struct {
  const value = parseJsonBytes(Buffer.from(text), LIMITS);
  if (!(value instanceof JsonFailure) && isStruct(value)) return value;
  const reason = value instanceof JsonFailure ? ` (${value.reason})` : '';
  throw new Failure('usage', `params: expected a JSON object such as '{"dbg":"me"}', got ${text}${reason}`);
}

/** The answer for programs: what its JSON says, with every digit of its numbers, or its text. */
function parsed(answer: Buffer): Value {
  const value = parseJsonBytes(answer, LIMITS);
  return value instanceof JsonFailure ? payloadText(answer) : value;
}

/** Byte for byte, but on a terminal, which must not do what the bytes say. */
function shown(answer: Buffer): Buffer | string {
  const end = answer.at(-1) === 0x0a ? '' : '\n';
  return process.stdout.isTTY
    ? `${harmlessLines(payloadText(answer))}${end}`
    : Buffer.concat([answer, Buffer.from(end)]);
}
