import Type, { type TSchema } from 'typebox';
import { type Codec, type Fields, integer, text } from '../journal/codec.ts';
import { checker } from '../rpc/validate.ts';
import { JsonFailure, parseJsonBytes, writeJson } from '../wire/json.ts';
import type { Value } from '../wire/value.ts';
import { AnsweredBackend } from './backend-forms.ts';
import { CACHINGS, IMPLEMENTATIONS } from './datapath-rules.ts';
import type { Choice, Datapath, DatapathKey } from './datapath-state.ts';

/** An SR that is attached through this daemon. */
export interface AttachedSr {
  readonly sr: string;
  /** The queue of the volume plugin. */
  readonly queue: string;
  /** What the plugin calls it. */
  readonly handle: string;
  /** The queues' names of the datasources that were registered for it. */
  readonly datasources: readonly string[];
  /** It was attached by the daemon before this one, of which only this is known: its disks may be attached too. */
  readonly takenOver: boolean;
}

export interface OpenedKey {
  readonly sr: string;
  readonly vdi: string;
  readonly vm: string;
}

/** A disk that was opened: its datapaths use what was selected then. */
export interface Opened extends OpenedKey {
  readonly choice: Choice;
  readonly persistent: boolean;
}

/** What is kept of what was done: each is whole, so that the last one of a thing says what it is. */
export type StorageOperation =
  | { readonly type: 'booted'; readonly boot: string }
  | { readonly type: 'sr-attached'; readonly attached: AttachedSr }
  | { readonly type: 'sr-detached'; readonly sr: string }
  | { readonly type: 'opened'; readonly opened: Opened }
  | { readonly type: 'closed'; readonly key: OpenedKey }
  | { readonly type: 'datapath-changed'; readonly datapath: Datapath }
  /** What it is on its way down: nobody got more of it. */
  | { readonly type: 'datapath-lowered'; readonly datapath: Datapath }
  | { readonly type: 'datapath-closed'; readonly key: DatapathKey }
  /** The file of the daemon before this one was read, or written, as it was when it had this mark. */
  | { readonly type: 'state-db-seen'; readonly mark: string };

const oneOf = <T extends string>(names: readonly T[]) => Type.Union(names.map((name) => Type.Literal(name)));
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const ChoiceSchema = Type.Object({
  plugin: Type.String(),
  uri: Type.String(),
  volume: Type.String(),
  sharable: Type.Boolean(),
  domid: Type.Integer(),
  domainUuid: orNull(Type.String()),
  implementations: Type.Array(oneOf(IMPLEMENTATIONS)),
  forbidden: Type.Array(oneOf(IMPLEMENTATIONS)),
  caching: oneOf(CACHINGS),
  ruled: Type.Boolean(),
  reason: Type.String(),
});

const OpenedKeySchema = Type.Object({ sr: Type.String(), vdi: Type.String(), vm: Type.String() });
const DatapathKeySchema = Type.Object({ sr: Type.String(), vdi: Type.String(), domain: Type.String() });

const DATAPATH = {
  ...DatapathKeySchema.properties,
  choice: ChoiceSchema,
  holders: Type.Array(Type.Object({ dp: Type.String(), writes: Type.Boolean(), isActive: Type.Boolean() })),
  underWay: orNull(
    Type.Object({
      step: oneOf(['attach', 'activate', 'activate_readonly', 'deactivate', 'detach']),
      writing: Type.Boolean(),
    }),
  ),
};
const checkBoot = checker(Type.String(), 'boot');
const checkAttached = checker(
  Type.Object({
    sr: Type.String(),
    queue: Type.String(),
    handle: Type.String(),
    datasources: Type.Array(Type.String()),
    takenOver: Type.Boolean(),
  }),
  'attached',
);
const checkMark = checker(Type.String(), 'mark');
const checkSr = checker(Type.String(), 'sr');
const checkOpened = checker(
  Type.Object({ ...OpenedKeySchema.properties, choice: ChoiceSchema, persistent: Type.Boolean() }),
  'opened',
);
const checkOpenedKey = checker(OpenedKeySchema, 'key');
/** One by one, so that a fault is told by its field. */
const checkPhase = checker(
  Type.Object({ phase: Type.Enum(['chosen', 'attached', 'activated']) }),
  'datapath',
);
const checkChosen = checker(Type.Object({ ...DATAPATH, phase: Type.Literal('chosen') }), 'datapath');
const checkAttachedDatapath = checker(
  Type.Object({ ...DATAPATH, phase: Type.Literal('attached'), backend: orNull(AnsweredBackend) }),
  'datapath',
);
const checkActivated = checker(
  Type.Object({
    ...DATAPATH,
    phase: Type.Literal('activated'),
    backend: orNull(AnsweredBackend),
    by: oneOf(['activate', 'activate_readonly']),
    writing: Type.Boolean(),
  }),
  'datapath',
);
const checkDatapathKey = checker(DatapathKeySchema, 'key');

/** The numbers of the kinds are part of the format: they never get another meaning. */
const BOOTED = 1;
const SR_ATTACHED = 2;
const SR_DETACHED = 3;
const OPENED = 4;
const CLOSED = 5;
const DATAPATH_CHANGED = 6;
const DATAPATH_CLOSED = 7;
const DATAPATH_LOWERED = 8;
const STATE_DB_SEEN = 9;

/** A record has the kind and a JSON text: a person can read it, and its integers stay exact. */
export const storageCodec: Codec<StorageOperation> = {
  encode: (operation) => {
    const [kind, value] = parts(operation);
    return [kind, writeJson(value)];
  },
  decode: (fields) => {
    const kind = integer(fields, 0);
    const value = parse(fields);
    switch (kind) {
      case BOOTED:
        return { type: 'booted', boot: valid(checkBoot(value)) };
      case SR_ATTACHED:
        return { type: 'sr-attached', attached: valid(checkAttached(value)) };
      case SR_DETACHED:
        return { type: 'sr-detached', sr: valid(checkSr(value)) };
      case OPENED:
        return { type: 'opened', opened: valid(checkOpened(value)) };
      case CLOSED:
        return { type: 'closed', key: valid(checkOpenedKey(value)) };
      case DATAPATH_CHANGED:
        return { type: 'datapath-changed', datapath: readDatapath(value) };
      case DATAPATH_LOWERED:
        return { type: 'datapath-lowered', datapath: readDatapath(value) };
      case DATAPATH_CLOSED:
        return { type: 'datapath-closed', key: valid(checkDatapathKey(value)) };
      case STATE_DB_SEEN:
        return { type: 'state-db-seen', mark: valid(checkMark(value)) };
      default:
        throw new TypeError(`an operation of the unknown kind ${kind}`);
    }
  },
  adds: (operation) => {
    switch (operation.type) {
      case 'booted':
      case 'sr-attached':
      case 'opened':
      case 'datapath-changed':
        return true;
      case 'sr-detached':
      case 'closed':
      case 'datapath-lowered':
      case 'datapath-closed':
      case 'state-db-seen':
        return false;
    }
  },
  roughBytes: () => ROUGH_BYTES,
};

/** What one of the things takes in the journal, roughly. */
export const ROUGH_BYTES = 1024;

function parts(operation: StorageOperation): [kind: number, value: Value] {
  switch (operation.type) {
    case 'booted':
      return [BOOTED, operation.boot];
    case 'sr-attached':
      return [SR_ATTACHED, { ...operation.attached }];
    case 'sr-detached':
      return [SR_DETACHED, operation.sr];
    case 'opened':
      return [OPENED, { ...operation.opened }];
    case 'closed':
      return [CLOSED, { ...operation.key }];
    case 'datapath-changed':
      return [DATAPATH_CHANGED, { ...operation.datapath }];
    case 'datapath-lowered':
      return [DATAPATH_LOWERED, { ...operation.datapath }];
    case 'datapath-closed':
      return [DATAPATH_CLOSED, { ...operation.key }];
    case 'state-db-seen':
      return [STATE_DB_SEEN, operation.mark];
  }
}

/** What we wrote ourselves is no deeper than what a plugin's answer may be. */
const LIMITS = { maxDepth: 256 };

function parse(fields: Fields): Value {
  const value = parseJsonBytes(Buffer.from(text(fields, 1)), LIMITS);
  if (value instanceof JsonFailure) throw new TypeError(value.reason);
  return value;
}

function readDatapath(value: Value): Datapath {
  const { phase } = valid(checkPhase(value));
  switch (phase) {
    case 'chosen':
      return valid(checkChosen(value));
    case 'attached':
      return valid(checkAttachedDatapath(value));
    case 'activated':
      return valid(checkActivated(value));
  }
}

function valid<T>(checked: { type: 'valid'; value: T } | { type: 'invalid'; reason: string }): T {
  if (checked.type === 'invalid') throw new TypeError(checked.reason);
  return checked.value;
}
