import {
  IsArray,
  IsObject,
  IsRecord,
  IsTuple,
  IsUnion,
  RecordValue,
  type TObject,
  type TSchema,
} from 'typebox';
import { branchFor } from '../rpc/validate.ts';
import { isStruct, type Struct, type Value } from '../wire/value.ts';

/**
 * A value as its schema wants it when some writer has put `null` for what is absent: optional members that are null are
 * left out, at any depth. Everything else stays as it is, what the schema does not take included.
 */
export function withoutNulls(schema: TSchema, value: Value): Value {
  if (Array.isArray(value)) return arrayWithoutNulls(schema, value);
  if (!isStruct(value)) return value;
  if (IsObject(schema)) return structWithoutNulls(schema, value);
  if (!IsRecord(schema)) return value;
  const inside = RecordValue(schema);
  return mapStruct(value, (_name, member) => withoutNulls(inside, member));
}

function arrayWithoutNulls(schema: TSchema, values: readonly Value[]): Value {
  if (IsArray(schema)) return values.map((value) => withoutNulls(schema.items, value));
  if (IsTuple(schema)) return values.map((value, index) => inElement(schema.items[index], value));
  if (!IsUnion(schema)) return values;
  const branch = branchFor(schema, values);
  return branch === undefined ? values : inElement(schema.anyOf[branch], values);
}

const inElement = (schema: TSchema | undefined, value: Value): Value =>
  schema === undefined ? value : withoutNulls(schema, value);

function structWithoutNulls({ properties, required }: TObject, struct: Struct): Struct {
  const needed: readonly string[] = required ?? [];
  return mapStruct(struct, (name, member) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) return member;
    return member === null && !needed.includes(name) ? undefined : withoutNulls(schema, member);
  });
}

const mapStruct = (struct: Struct, change: (name: string, member: Value) => Value | undefined): Struct =>
  Object.fromEntries(
    Object.entries(struct).flatMap(([name, member]) => {
      const changed = change(name, member);
      return changed === undefined ? [] : [[name, changed]];
    }),
  );
