import type { Static, TObject } from 'typebox';
import type { Arrival } from '../wire/arrival.ts';
import { isStruct, type Struct, type Value } from '../wire/value.ts';
import { type Answer, type Call, internalError, result, unimplemented } from './call.ts';
import { DeclaredError, declaredAnswer } from './declared-error.ts';
import { describe } from './describe.ts';
import type {
  CallContext,
  ErrorDefinition,
  Implementation,
  InterfaceDefinition,
  MethodDefinition,
} from './interface.ts';
import { checker } from './validate.ts';

/** A method as it can be called: its name on the wire and what answers it. Never throws, never rejects. */
export interface Method {
  readonly name: string;
  call(params: Struct, context: CallContext): Answer | Promise<Answer>;
}

/** What serves a queue: a call goes in, with how it came through a switch, its answer comes out. Never throws, never rejects. */
export interface Service {
  readonly queue: string;
  readonly counters: ServiceCounters;
  call(call: Call, arrival?: Arrival): Answer | Promise<Answer>;
}

export interface ServiceCounters {
  calls: number;
  errors: number;
}

/** One call that was answered, for the log. `dbg` is the caller's own name for what it does. */
export interface CallRecord {
  readonly queue: string;
  readonly method: string;
  readonly dbg: string | undefined;
  readonly ms: number;
  readonly outcome: string;
}

export interface ServiceObserver {
  /** Whether `answered` is wanted now: a call costs nothing more when it is not. */
  wanted(): boolean;
  /** With the parameters, which tell what the call was about. */
  answered(record: CallRecord, params: Struct): void;
  /** A method threw what its interface does not declare: a fault of ours, not of the caller. */
  threw(method: string, error: unknown): void;
}

/** Ties an interface to its functions. Gives a `Method` for each name and spelling. */
export function implement<Methods extends Record<string, MethodDefinition>>(
  definition: InterfaceDefinition<Methods>,
  implementation: Implementation<Methods>,
  observer: ServiceObserver,
): Method[] {
  const methods: Method[] = [];
  for (const key in definition.methods) {
    const method: Methods[typeof key] = definition.methods[key];
    const params: Methods[typeof key]['params'] = method.params;
    for (const spelling of [key, ...method.aliases]) {
      const name = `${definition.name}.${spelling}`;
      methods.push(bind<typeof params>(name, params, definition.errors, implementation[key], observer));
    }
  }
  return methods;
}

/**
 * A method from its schema and the function behind it, which also gets the parameters as they came; `errors` are those that
 * it may throw as `DeclaredError`s.
 */
export function bind<Params extends TObject>(
  name: string,
  schema: Params,
  errors: Readonly<Record<string, ErrorDefinition>>,
  run: (params: Static<Params>, context: CallContext, given: Struct) => unknown,
  observer: ServiceObserver,
): Method {
  const check = checker(schema, 'params');
  const failed = (error: unknown): Answer => {
    const declared = error instanceof DeclaredError ? declaredAnswer(errors, error) : undefined;
    if (declared !== undefined) return declared;
    observer.threw(name, error);
    return internalError('internal', `${name} failed: the daemon's log has the reason`);
  };
  return {
    name,
    call: (params, context) => {
      const checked = check(params);
      if (checked.type === 'invalid') return internalError('invalid-params', `${name}: ${checked.reason}`);
      try {
        const value = run(checked.value, context, params);
        return value instanceof Promise ? value.then(asResult, failed) : asResult(value);
      } catch (error) {
        return failed(error);
      }
    },
  };
}

/** The schema's type says that it is a value; the compiler can't follow a schema chosen at run time. */
const asResult = (value: unknown): Answer => result(value as Value);

/** Makes the service of one queue from its methods. `now` is a clock in ms. */
export function createService(
  queue: string,
  methods: readonly Method[],
  observer: ServiceObserver,
  now: () => number,
): Service {
  const byName = new Map(methods.map((method) => [method.name, method]));
  const overSocket: CallContext = { queue };
  const counters: ServiceCounters = { calls: 0, errors: 0 };

  const run = ({ method: name, params }: Call, context: CallContext): Answer | Promise<Answer> => {
    const method = byName.get(name);
    if (method === undefined) return unimplemented(name);
    const named = namedParams(params);
    if (named === undefined) return internalError('invalid-params', `${name}: ${wrongParams(params)}`);
    return method.call(named, context);
  };

  const settle = (call: Call, begun: number | undefined, answer: Answer): Answer => {
    counters.calls += 1;
    if (answer.type === 'error') counters.errors += 1;
    if (begun !== undefined) {
      const params = namedParams(call.params) ?? {};
      observer.answered(record(queue, call.method, params, now() - begun, answer), params);
    }
    return answer;
  };

  return {
    queue,
    counters,
    call: (call, arrival) => {
      const begun = observer.wanted() ? now() : undefined;
      const answer = run(call, arrival === undefined ? overSocket : { queue, arrival });
      return answer instanceof Promise
        ? answer.then((settled) => settle(call, begun, settled))
        : settle(call, begun, answer);
    },
  };
}

/** The interface's calls carry one object with named fields: as it is, or as an array's only element. */
function namedParams(params: Value | undefined): Struct | undefined {
  if (params === undefined) return {};
  if (isStruct(params)) return params;
  if (!Array.isArray(params) || params.length > 1) return undefined;
  const [only = {}] = params;
  return isStruct(only) ? only : undefined;
}

const wrongParams = (params: Value | undefined): string =>
  Array.isArray(params) && params.length === 1
    ? `params[0]: expected an object with named fields, got ${describe(params[0])}`
    : `params: expected one object with named fields, got ${describe(params)}`;

/** What of a caller's own name for what it does is kept for the log. */
const LONGEST_DBG = 256;

function record(queue: string, method: string, { dbg }: Struct, ms: number, answer: Answer): CallRecord {
  return {
    queue,
    method,
    dbg: typeof dbg === 'string' ? dbg.slice(0, LONGEST_DBG) : undefined,
    ms,
    outcome: answer.type === 'result' ? 'ok' : answer.error.kind,
  };
}
