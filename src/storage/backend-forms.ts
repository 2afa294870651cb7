import Type, { type Static } from 'typebox';
import { checker } from '../rpc/validate.ts';
import { isStruct, type Value } from '../wire/value.ts';
import { Backend, StringMap } from './types.ts';
import { withoutNulls } from './without-nulls.ts';

/** What plugins answer to `Datapath.attach`: the form of version 5, or that of 3.0 and 4.0. */

export const AnsweredBackend = Type.Object({
  ...Backend.properties,
  domain_uuid: Type.Optional(Type.String({ description: 'The uuid of the domain that hosts the backend' })),
});

export type AnsweredBackend = Static<typeof AnsweredBackend>;

const OldBackend = Type.Object({
  domain_uuid: Type.String({ description: 'The uuid of the domain that hosts the backend' }),
  implementation: Type.Tuple([Type.Enum(['Blkback', 'Tapdisk3', 'Qdisk']), Type.String()]),
  extra: Type.Optional(StringMap('What the toolstack writes to the directory sm-data of the backend')),
});

/** The directories in xenstore of the implementations of old. */
const BACKEND_TYPES: Readonly<Record<Static<typeof OldBackend>['implementation'][0], string>> = {
  Blkback: 'vbd',
  Tapdisk3: 'vbd3',
  Qdisk: 'qdisk',
};

/** An answer of `Datapath.attach` in the form of version 5, or why it is none. */
export type ReadBackend =
  | {
      readonly type: 'valid';
      readonly backend: Backend;
      /** The uuid of the domain that hosts the backend, where the plugin has named it. */
      readonly domainUuid: string | undefined;
    }
  | { readonly type: 'invalid'; readonly reason: string };

const checkNew = checker(AnsweredBackend, 'result');
const checkOld = checker(OldBackend, 'result');

/** Reads an answer of either form; `implementation` tells the old one. `null` for an optional member is absence. */
export function readBackend(value: Value): ReadBackend {
  if (isStruct(value) && value.implementation !== undefined && value.implementations === undefined) {
    const checked = checkOld(withoutNulls(OldBackend, value));
    return checked.type === 'invalid' ? checked : fromOld(checked.value);
  }
  const checked = checkNew(withoutNulls(AnsweredBackend, value));
  if (checked.type === 'invalid') return checked;
  const { implementations, domain_uuid } = checked.value;
  return { type: 'valid', backend: { implementations }, domainUuid: domain_uuid };
}

function fromOld({ domain_uuid, implementation, extra = {} }: Static<typeof OldBackend>): ReadBackend {
  const [name, params] = implementation;
  const disk = { params, extra, backend_type: BACKEND_TYPES[name] };
  return {
    type: 'valid',
    backend: { implementations: [['XenDisk', disk]] },
    domainUuid: domain_uuid,
  };
}
