import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Value } from '../wire/value.ts';

/** A value of the schema's type, or where and how it differs. */
export type Checked<Schema extends TSchema> =
  | { readonly type: 'valid'; readonly value: Static<Schema> }
  | { readonly type: 'invalid'; readonly reason: string };

/**
 * Compiles a schema once into a check that names the first fault: its path, what was expected, what came.
 * `root` is what the path begins with, as the caller knows it (`params`).
 */
export function checker<Schema extends TSchema>(
  schema: Schema,
  root: string,
): (value: Value) => Checked<Schema> {
  const compiled = Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return { type: 'valid', value };
    const [first] = compiled.Errors(value);
    if (first === undefined) return { type: 'invalid', reason: `${root}: is of the wrong type` };
    return { type: 'invalid', reason: explain(schema, root, value, first) };
  };
}

interface SchemaFault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function explain(schema: TSchema, root: string, value: Value, fault: SchemaFault): string {
  const steps = fault.instancePath.split('/').slice(1).map(unescapePointer);
  const path = [root, ...steps].join('.');
  if ('requiredProperties' in fault.params && Array.isArray(fault.params.requiredProperties)) {
    const missing = fault.params.requiredProperties.map(
      (name) => `${path}.${name}: expected ${typeAt(schema, [...steps, name])}, got nothing`,
    );
    return missing.join('; ');
  }
  const expected = 'type' in fault.params ? String(fault.params.type) : fault.message;
  return `${path}: expected ${expected}, got ${describe(at(value, steps))}`;
}

/** The type that a schema has at a path, as JSON Schema names it. */
function typeAt(schema: TSchema, steps: readonly string[]): string {
  let here: unknown = schema;
  for (const step of steps) {
    here = own(own(here, 'properties'), step) ?? own(here, 'items') ?? own(here, 'additionalProperties');
  }
  const type = own(here, 'type');
  return typeof type === 'string' ? type : 'a value';
}

const own = (holder: unknown, name: string): unknown =>
  typeof holder === 'object' && holder !== null
    ? Object.getOwnPropertyDescriptor(holder, name)?.value
    : undefined;

/** JSON Pointer's two escapes (RFC 6901, section 3). */
const unescapePointer = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');

function at(value: Value | undefined, steps: readonly string[]): Value | undefined {
  let here = value;
  for (const step of steps) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Object.entries(here).find(([name]) => name === step)?.[1];
  }
  return here;
}

/** A value in a few words for an error text: short, and without the insides of what may be large or secret. */
export function describe(value: Value | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  switch (typeof value) {
    case 'object':
      return 'an object';
    case 'string':
      return `a string of ${value.length} characters`;
    default:
      return `${typeof value} ${value}`;
  }
}
