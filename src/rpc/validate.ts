import { IsSchema, IsUnion, type Static, type TSchema, type TUnion } from 'typebox';
import { Compile } from 'typebox/compile';
import { Errors } from 'typebox/value';
import type { Value } from '../wire/value.ts';
import { describe } from './describe.ts';

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
    return { type: 'invalid', reason: explain(schema, root, value, compiled.Errors(value)) };
  };
}

interface SchemaFault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function explain(schema: TSchema, path: string, value: Value, [first]: readonly SchemaFault[]): string {
  if (first === undefined) return `${path}: is of the wrong type`;
  const steps = first.instancePath.split('/').slice(1).map(unescapePointer);
  for (const [depth, inside] of along(schema, steps).entries()) {
    if (!IsSchema(inside) || !IsUnion(inside)) continue;
    const above = steps.slice(0, depth);
    return explainUnion(inside, [path, ...above].join('.'), at(value, above));
  }
  const here = along(schema, steps).at(-1);
  const place = [path, ...steps].join('.');
  if ('requiredProperties' in first.params && Array.isArray(first.params.requiredProperties)) {
    const missing = first.params.requiredProperties.map(
      (name) => `${place}.${name}: expected ${wording(within(here, name))}, got nothing`,
    );
    return missing.join('; ');
  }
  return `${place}: expected ${expectation(here, first)}, got ${describe(at(value, steps))}`;
}

/** Each of a union's types has faults of its own: those of the one that the value's tag names tell most. */
function explainUnion(union: TUnion, path: string, value: Value | undefined): string {
  const branch = value === undefined ? undefined : union.anyOf[branchFor(union, value) ?? -1];
  if (branch === undefined || value === undefined) {
    return `${path}: expected ${wording(union)}, got ${describe(value)}`;
  }
  return explain(branch, path, value, Errors(branch, value));
}

/** A schema and what is inside it, step by step. */
function along(schema: TSchema, steps: readonly string[]): unknown[] {
  const places: unknown[] = [schema];
  for (const step of steps) places.push(within(places.at(-1), step));
  return places;
}

function within(schema: unknown, step: string): unknown {
  const items = own(schema, 'items');
  const [pattern] = Object.values(own(schema, 'patternProperties') ?? {});
  return (
    own(own(schema, 'properties'), step) ?? (Array.isArray(items) ? items[Number(step)] : items) ?? pattern
  );
}

/** Which of the types of a union a tagged value, `["Tag", …]`, belongs to. */
export function branchFor({ anyOf }: TUnion, value: Value): number | undefined {
  if (!Array.isArray(value) || value[0] === undefined) return undefined;
  const index = anyOf.findIndex((branch) => tagOf(branch) === value[0]);
  return index === -1 ? undefined : index;
}

const tagOf = (branch: unknown): unknown => own(own(own(branch, 'items'), '0'), 'const');

function expectation(here: unknown, fault: SchemaFault): string {
  switch (fault.keyword) {
    case 'type':
    case '~refine':
    case 'const':
    case 'enum':
      return wording(here);
    // A tuple says by this how many it has.
    case 'minItems':
      return Array.isArray(own(here, 'items')) ? wording(here) : fault.message;
    // An element behind the last one of a tuple.
    case 'boolean':
      return 'nothing';
    default:
      return fault.message;
  }
}

/** What a schema takes, in a few words: the type as JSON Schema names it, where there is no better name. */
function wording(schema: unknown): string {
  const [refinement] = list(own(schema, '~refine'));
  const refined = own(refinement, 'error');
  if (typeof refined === 'function') return String(refined());
  const constant = own(schema, 'const');
  if (constant !== undefined) return JSON.stringify(constant);
  const values = list(own(schema, 'enum'));
  if (values.length > 0) return values.map((value) => JSON.stringify(value)).join(' or ');
  const branches = list(own(schema, 'anyOf'));
  if (branches.length > 0) return branches.map(wording).join(' or ');
  const elements = list(own(schema, 'items'));
  const tag = tagOf(schema);
  if (tag !== undefined) return `[${JSON.stringify(tag)}, …]`;
  if (elements.length > 0) return `an array of ${elements.length}`;
  const type = own(schema, 'type');
  return typeof type === 'string' ? type : 'a value';
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

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
