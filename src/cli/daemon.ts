import type { Static, TSchema } from 'typebox';
import type { DatapathdInterface } from '../storage/daemon-interface.ts';
import { JsonFailure, parseJsonBytes, writeJson } from '../wire/json.ts';
import { isStruct, type Struct, type Value } from '../wire/value.ts';
import { openCaller } from './caller.ts';
import { type Context, sessionName } from './context.ts';
import { Failure, noSuchQueue } from './exit.ts';
import { useLines } from './line.ts';
import { harmless, withLastWords } from './text.ts';

/** Calls of the daemon's queues through the switch, and what came of them. */

export type Called =
  | { readonly type: 'result'; readonly value: Value; readonly milliseconds: number }
  /** The variant of the interface. */
  | { readonly type: 'error'; readonly variant: Value; readonly milliseconds: number };

type Methods = (typeof DatapathdInterface)['methods'];

export interface Daemon {
  /** Calls a method of a queue. Rejects with a `Failure` when there is no answer. */
  call(queue: string, method: string, params: Struct): Promise<Called>;
  /** The same, and gives the result as the schema has it. An error of the interface is a `Failure` as well. */
  ask<Result extends TSchema>(
    queue: string,
    method: string,
    params: Struct,
    schema: Result,
  ): Promise<Static<Result>>;
  /** Calls the interface of the daemon itself. */
  datapathd<Name extends keyof Methods & string>(
    name: Name,
    params?: Struct,
  ): Promise<Static<Methods[Name]['result']['schema']>>;
}

export interface DaemonWays {
  /** The datapath queue. */
  readonly queue: string;
  /** s */
  readonly timeout: number;
}

/** As deep as an answer may be nested. */
const LIMITS = { maxDepth: 256 };

const DBG = 'datapathctl';

/** Runs a command's work with a line to the daemon, which is closed when it is done. */
export async function withDaemon<Result>(
  context: Context,
  { queue: datapathQueue, timeout }: DaemonWays,
  work: (daemon: Daemon) => Promise<Result>,
): Promise<Result> {
  const session = sessionName();
  // Over HTTP requests and answers may have any length.
  const line = await context.connectLine(session, true);
  return useLines([line], context.path(), async () => {
    const caller = await openCaller(line, session);
    const call: Daemon['call'] = async (queue, method, params) => {
      const before = performance.now();
      const body = writeJson({ method, params: [{ dbg: DBG, ...params }], id: 1 });
      const outcome = await caller.call(queue, body, timeout);
      const milliseconds = rounded(performance.now() - before);
      switch (outcome.type) {
        case 'answered':
          return { ...readResponse(queue, outcome.answer), milliseconds };
        case 'no-such-queue':
          throw noSuchQueue(queue);
        case 'timed-out':
          throw new Failure(
            'timedOut',
            `no answer from ${queue} to ${method} within ${timeout} s (--timeout)`,
          );
      }
    };
    const ask: Daemon['ask'] = async (queue, method, params, schema) => {
      const called = await call(queue, method, params);
      if (called.type === 'error') throw refusal(queue, method, called.variant);
      const { checker } = await import('../rpc/validate.ts');
      const checked = checker(schema, 'result')(called.value);
      if (checked.type === 'valid') return checked.value;
      throw new Failure('failed', `${queue} answers ${method} in another way: ${checked.reason}`);
    };
    const datapathd = async <Name extends keyof Methods & string>(
      name: Name,
      params: Struct = {},
    ): Promise<Static<Methods[Name]['result']['schema']>> => {
      // What only these commands need is loaded by them.
      const { DatapathdInterface } = await import('../storage/daemon-interface.ts');
      const schema: Methods[Name]['result']['schema'] = DatapathdInterface.methods[name].result.schema;
      return ask(datapathQueue, `${DatapathdInterface.name}.${name}`, params, schema);
    };
    try {
      return await work({ call, ask, datapathd });
    } finally {
      await caller.leave();
    }
  });
}

/** Prints a value as one line of JSON, with every digit of its integers. */
export const printValue = (context: Context, value: Value): Promise<void> =>
  context.print(`${writeJson(value)}\n`);

export const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;

type Response =
  | { readonly type: 'result'; readonly value: Value }
  | { readonly type: 'error'; readonly variant: Value };

function readResponse(queue: string, answer: Buffer): Response {
  const value = parseJsonBytes(answer, LIMITS);
  if (value instanceof JsonFailure || !isStruct(value)) {
    throw new Failure('failed', `the answer of ${queue} is none: expected an object of JSON-RPC`);
  }
  const { result = null, error = null } = value;
  return error === null ? { type: 'result', value: result } : { type: 'error', variant: error };
}

function refusal(queue: string, method: string, variant: Value): Failure {
  if (Array.isArray(variant) && variant[0] === 'Unimplemented') {
    return new Failure(
      'failed',
      `${queue} does not know ${method}: is it served by a datapathd of this version?`,
    );
  }
  return new Failure('failed', `${method}: ${errorText(variant)}`);
}

/** An error of an interface on one line: what a script failed with is told with what it wrote last. */
export function errorText(variant: Value): string {
  const [tag, value]: readonly (Value | undefined)[] = Array.isArray(variant) ? variant : [variant];
  const [code, given]: readonly (Value | undefined)[] = Array.isArray(value) ? value : [];
  const params: readonly Value[] = Array.isArray(given) ? given : [];
  if (typeof tag !== 'string') return harmless(writeJson(variant));
  if (tag === 'Backend_error' && code === 'SCRIPT_FAILED' && params.length === SCRIPT_FAILED_PARAMS) {
    const [, , , stderr = '', reason = ''] = params.map(asText);
    return harmless(withLastWords(reason, stderr));
  }
  if (tag === 'Backend_error' && typeof code === 'string') return harmless(joined(code, params));
  // The backtrace comes first.
  if (tag === 'Backend_error_with_backtrace' && typeof code === 'string') {
    return harmless(joined(code, params.slice(1)));
  }
  if (value === undefined) return harmless(tag);
  return harmless(tag === 'Internal_error' ? asText(value) : `${tag}: ${asText(value)}`);
}

/** Script, status, stdout, stderr, and the reason in one line. */
const SCRIPT_FAILED_PARAMS = 5;

const asText = (value: Value): string => (typeof value === 'string' ? value : writeJson(value));

const joined = (code: string, params: readonly Value[]): string =>
  [code, ...params.map(asText)].filter((part) => part !== '').join(': ');
