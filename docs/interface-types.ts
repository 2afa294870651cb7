import {
  IsArray,
  IsEnum,
  IsLiteral,
  IsObject,
  IsOptional,
  IsRecord,
  IsTuple,
  IsUnion,
  RecordValue,
  type TSchema,
} from 'typebox';
import type { NamedType } from '../src/rpc/interface.ts';

/** How the reference pages write types, and example values of them. */

const descriptionOf = (schema: TSchema): string => keyword(schema, 'description');

const keyword = (schema: TSchema, name: string): string => {
  const text: unknown = Object.getOwnPropertyDescriptor(schema, name)?.value;
  return typeof text === 'string' ? text : '';
};

/** What a member is for, or else what its type is, with what it is when it is left out. */
export function memberDescription(types: readonly NamedType[], schema: TSchema): string {
  const value: unknown = Object.getOwnPropertyDescriptor(schema, 'default')?.value;
  const description = descriptionOf(schema) || (namedType(types, schema)?.description ?? '');
  return value === undefined ? description : `${description}; default \`${JSON.stringify(value)}\``;
}

const namedType = (types: readonly NamedType[], schema: TSchema): NamedType | undefined =>
  types.find((type) => type.schema === schema || isCopy(type.schema, schema));

/** An optional member is a copy of its type, which shares the insides. */
const isCopy = (one: TSchema, other: TSchema): boolean =>
  IsObject(one) && IsObject(other) && one.properties === other.properties;

/** A type of the page by its name, any other as the interface's own pages write it: `(string * string) list`. */
export function typeName(types: readonly NamedType[], schema: TSchema): string {
  const option = IsOptional(schema) ? ' option' : '';
  const name = namedType(types, schema)?.name ?? shape(types, schema);
  return `${name}${option}`;
}

/** A type in full, one level deep. */
export function shape(types: readonly NamedType[], schema: TSchema): string {
  if (IsObject(schema)) return 'struct { ... }';
  if (IsUnion(schema)) return 'variant { ... }';
  if (IsLiteral(schema)) return JSON.stringify(schema.const);
  if (IsEnum(schema)) return `variant { ${schema.enum.join('; ')} }`;
  if (IsRecord(schema)) return `(string * ${typeName(types, RecordValue(schema))}) list`;
  if (IsArray(schema)) return `${typeName(types, schema.items)} list`;
  if (IsTuple(schema)) return `(${schema.items.map((item) => typeName(types, item)).join(' * ')})`;
  if (keyword(schema, 'format') === 'int64') return 'int64';
  switch (keyword(schema, 'type')) {
    case 'integer':
      return 'int';
    case 'boolean':
      return 'bool';
    case 'number':
      return 'float';
    case 'null':
      return 'unit';
    default:
      return 'string';
  }
}

/** One constructor of a variant, as a row: its name, what it holds, what it says. */
export type Constructor = readonly [name: string, holds: string, description: string];

/** The constructors of a variant that hold something; none when the type is no such variant. */
export function constructorsOf(types: readonly NamedType[], schema: TSchema): readonly Constructor[] {
  if (!IsUnion(schema)) return [];
  return schema.anyOf.flatMap((branch): Constructor[] => {
    if (!IsTuple(branch)) return [];
    const [tag, holds] = branch.items;
    if (tag === undefined || holds === undefined || !IsLiteral(tag)) return [];
    return [[String(tag.const), contents(types, holds), descriptionOf(branch)]];
  });
}

/** What a constructor holds: a struct without a name is shown with its members, as there is no other place for them. */
function contents(types: readonly NamedType[], schema: TSchema): string {
  const name = typeName(types, schema);
  if (!IsObject(schema) || name !== shape(types, schema)) return name;
  const members = Object.entries(schema.properties).map(
    ([field, member]) => `${field}: ${typeName(types, member)}`,
  );
  return `struct { ${members.join('; ')} }`;
}

/** An example value: the schema's own, or else texts are the names of what they stand for, lists of texts have `count` members. */
export function example(schema: TSchema, name: string, count: number): unknown {
  const own: unknown = Object.getOwnPropertyDescriptor(schema, 'examples')?.value;
  if (Array.isArray(own)) return own[0];
  if (IsObject(schema)) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([field, member]) => [field, example(member, field, count)]),
    );
  }
  const [first] = IsUnion(schema) ? schema.anyOf : [];
  if (first !== undefined) return example(first, name, count);
  if (IsEnum(schema)) return schema.enum[0];
  if (IsLiteral(schema)) return schema.const;
  if (IsTuple(schema)) return schema.items.map((item) => example(item, name, 1));
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  if (IsArray(schema)) {
    if (count === 1 || shape([], schema.items) !== 'string') return [example(schema.items, name, 1)];
    return numbers.map((number) => `${name}_${number}`);
  }
  if (IsRecord(schema)) {
    return Object.fromEntries(
      count === 1 ? [[name, name]] : numbers.map((number) => [`field_${number}`, `value_${number}`]),
    );
  }
  switch (shape([], schema)) {
    case 'int':
    case 'int64':
    case 'float':
      return 0;
    case 'bool':
      return true;
    case 'unit':
      return null;
    default:
      return name;
  }
}
