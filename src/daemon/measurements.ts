import { randomUUID } from 'node:crypto';
import { type Config, resolveSwitchPath } from '../config.ts';
import { setDeadline } from '../deadline.ts';
import type { Measurements } from '../storage/attached-srs.ts';
import type { SwitchHost } from '../switch/host.ts';
import { type Caller, callerAt, callerOn, callOnce } from '../switch/one-call.ts';
import { JsonFailure, parseJsonBytes, writeJson } from '../wire/json.ts';
import { isStruct, type Struct, type Value } from '../wire/value.ts';

export interface MeasurementsOptions {
  readonly config: Config;
  /** The switch, when it is in this process. */
  readonly host: SwitchHost | undefined;
  readonly logger: { warn(fields: object, text: string): void };
  /** A clock, in ms. */
  readonly now: () => number;
}

export interface SwitchMeasurements extends Measurements {
  /** Settles when nothing is under way: what was not answered in time is still taken back then. */
  settled(): Promise<void>;
}

/** The queue of the daemon that collects a host's measurements, xcp-rrdd. */
const RRD_QUEUE = 'org.xen.xapi.rrd';

/** How often it is to read a datasource, and the protocol that is spoken in its shared memory. */
const READING = { info: 'Five_Seconds', protocol: 'V2' };

/**
 * Registers datasources through the switch: the one of this process, or the one that is joined; without a switch there
 * is nobody to tell. What fails is told in the log, once a call, and is not tried again.
 */
export function createMeasurements(options: MeasurementsOptions): SwitchMeasurements {
  const connect = callers(options);
  const underWay = new Set<Promise<void>>();
  const call = async (method: string, params: Struct & { readonly uid: string }): Promise<void> => {
    if (connect === undefined) return;
    const reason = failureOf(connect(), { method, params: [params], id: 0 }, options);
    const ended: Promise<void> = reason.then(() => {
      underWay.delete(ended);
    });
    underWay.add(ended);
    const told = await inTime(reason, options.config.storage.measurementsTimeout);
    if (told === undefined) return;
    const fields = { queue: RRD_QUEUE, method, uid: params.uid, reason: told };
    options.logger.warn(fields, 'the measurements of an SR are not collected as they should be');
  };
  return {
    register: (uid) => call('Plugin.Local.register', { uid, ...READING }),
    deregister: (uid) => call('Plugin.Local.deregister', { uid }),
    settled: async () => {
      await Promise.all(underWay);
    },
  };
}

/** How the switch is reached; nothing: there is none. */
function callers({ config, host }: MeasurementsOptions): (() => Caller) | undefined {
  if (host !== undefined) return () => callerOn(host);
  if (config.switch.mode !== 'join') return undefined;
  const path = resolveSwitchPath(config);
  const limit = { maxAnswerBytes: config.sockets.maxAnswerBytes, answerSetting: 'sockets.maxAnswerBytes' };
  return () => callerAt({ path, ...limit, timeout: config.storage.measurementsTimeout });
}

/** Makes a call, and gives why it has failed, if it has. Never rejects. */
async function failureOf(
  caller: Caller,
  request: Value,
  { config, now }: MeasurementsOptions,
): Promise<string | undefined> {
  const { measurementsTimeout } = config.storage;
  const call = {
    queue: RRD_QUEUE,
    payload: Buffer.from(writeJson(request)),
    token: `datapathd:${randomUUID()}`,
    until: now() + measurementsTimeout,
    now,
  };
  try {
    const outcome = await callOnce(caller, call);
    switch (outcome.type) {
      case 'answered':
        return refusalIn(parseJsonBytes(outcome.payload, config.sockets));
      case 'not-alive':
        return 'nobody listens on the queue';
      case 'timed-out':
        return tooLate(measurementsTimeout);
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const tooLate = (ms: number): string => `no answer within ${ms / 1000} s (storage.measurementsTimeout)`;

/** Why an answer is none that says that all is well. What it says else, the time of the next reading, is of no use here. */
function refusalIn(answer: Value | JsonFailure): string | undefined {
  if (answer instanceof JsonFailure) return `the answer can not be read: ${answer.reason}`;
  const isAnswer = isStruct(answer) && (answer.result !== undefined || answer.error !== undefined);
  if (isAnswer && (answer.error ?? null) === null) return undefined;
  const shown = writeJson(isAnswer ? (answer.error ?? null) : answer).slice(0, LONGEST_SHOWN);
  return `the answer is ${shown}`;
}

/** Characters of an answer that says something else than expected. */
const LONGEST_SHOWN = 200;

/** What comes within a time, or that it did not. */
async function inTime(reason: Promise<string | undefined>, ms: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const deadline = setDeadline(() => resolve(tooLate(ms)), ms);
  const told = await Promise.race([reason, promise]);
  deadline.clear();
  return told;
}
