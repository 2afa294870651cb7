import Type from 'typebox';
import { isStruct, type Struct, type Value } from '../wire/value.ts';
import { result } from './call.ts';
import type { InterfaceDefinition, MethodDefinition } from './interface.ts';
import type { Method } from './service.ts';

/** The version of the OpenRPC specification that the document follows. */
const OPENRPC = '1.3.2';

/** What a queue is called in its own description. */
export interface ServiceInfo {
  readonly title: string;
  readonly description: string;
  readonly version: string;
}

/** The method `rpc.discover`, which answers with the OpenRPC description of the interfaces served. */
export function discoverMethod(info: ServiceInfo, interfaces: readonly InterfaceDefinition[]): Method {
  const document = Object.freeze(openRpcDocument(info, interfaces));
  return { name: 'rpc.discover', call: () => result(document) };
}

/** Describes the interfaces as OpenRPC does: one method object for each method and spelling. */
export function openRpcDocument(info: ServiceInfo, interfaces: readonly InterfaceDefinition[]): Struct {
  return {
    openrpc: OPENRPC,
    info: { ...info },
    methods: interfaces.flatMap((definition) =>
      Object.entries(definition.methods).flatMap(([key, method]) =>
        [key, ...method.aliases].map((name) => describeMethod(definition, name, method)),
      ),
    ),
    components: {
      schemas: Object.fromEntries(
        interfaces.flatMap(({ types }) => types.map(({ name, schema }) => [name, plain(schema)])),
      ),
    },
  };
}

function describeMethod(definition: InterfaceDefinition, name: string, method: MethodDefinition): Struct {
  const { params, result, description } = method;
  const required: readonly string[] = params.required ?? [];
  return {
    name: `${definition.name}.${name}`,
    description,
    paramStructure: 'by-name',
    params: Object.entries(params.properties).map(([field, schema]) => ({
      name: field,
      required: required.includes(field),
      schema: reference(definition, schema),
    })),
    result: {
      name: result.name,
      description: result.description,
      schema: reference(definition, result.schema),
    },
    errors: Object.entries(definition.errors).map(([tag, { code, description: message, value }]) => ({
      code,
      message,
      data: plain(Type.Tuple([Type.Literal(tag), value])),
    })),
  };
}

/** A type of the interface stands by its name, any other in full. */
function reference({ types }: InterfaceDefinition, schema: object): Struct {
  const named = types.find((type) => type.schema === schema);
  return named === undefined ? plain(schema) : { $ref: `#/components/schemas/${named.name}` };
}

/**
 * A schema as the JSON that it is, without what TypeBox keeps beside it. To JSON a bigint is an integer like any
 * other.
 */
function plain(schema: object): Struct {
  const withoutBigint = (name: string, inside: unknown): unknown =>
    name === 'type' && Array.isArray(inside) && inside.includes('bigint') ? 'integer' : inside;
  const value: Value = JSON.parse(JSON.stringify(schema, withoutBigint));
  return isStruct(value) ? value : {};
}
