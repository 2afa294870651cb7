import type { Static, TObject, TSchema } from 'typebox';
import type { Arrival } from '../wire/arrival.ts';

/**
 * One method of an interface: everything that is known of it apart from what it does. Validation, error texts,
 * `rpc.discover` and the reference pages all come from here.
 */
export interface MethodDefinition<Params extends TObject = TObject, Result extends TSchema = TSchema> {
  /** Other spellings that callers use for the same method. */
  readonly aliases: readonly string[];
  readonly description: string;
  /** The named fields of the one params object. Fields that are not listed are let pass, as newer callers send them. */
  readonly params: Params;
  readonly result: { readonly name: string; readonly description: string; readonly schema: Result };
}

/** A type that stands by its name in the reference pages. */
export interface NamedType {
  readonly name: string;
  readonly description: string;
  readonly schema: TSchema;
}

/** One constructor of an interface's error variant. */
export interface ErrorDefinition {
  /** The code in JSON-RPC 2.0: 1–99, one each; the envelope's own for what the envelope can say as well. */
  readonly code: number;
  readonly description: string;
  readonly value: TSchema;
}

export interface InterfaceDefinition<
  Methods extends Record<string, MethodDefinition> = Record<string, MethodDefinition>,
> {
  /** What stands before the dot in a method's name. */
  readonly name: string;
  readonly description: string;
  readonly types: readonly NamedType[];
  /** The error variant's name, and its constructors by name. */
  readonly errorType: string;
  readonly errors: Readonly<Record<string, ErrorDefinition>>;
  readonly methods: Methods;
}

/** What a method may know of the call that is not in its parameters. */
export interface CallContext {
  /** The queue that was called. */
  readonly queue: string;
  /** Absent: it came over the socket of the queue. */
  readonly arrival?: Arrival;
}

/** The functions behind an interface: one for each method, typed by its definition. */
export type Implementation<Methods extends Record<string, MethodDefinition>> = {
  readonly [Name in keyof Methods]: (
    params: Static<Methods[Name]['params']>,
    context: CallContext,
  ) => Eventually<Immutable<Static<Methods[Name]['result']['schema']>>>;
};

type Eventually<T> = T | Promise<T>;

/** What is answered is not changed any more: a frozen result keeps its bytes from answer to answer. */
export type Immutable<T> = T extends object ? { readonly [Name in keyof T]: Immutable<T[Name]> } : T;

/** Gives a definition its exact type. */
export const defineInterface = <Methods extends Record<string, MethodDefinition>>(
  definition: InterfaceDefinition<Methods>,
): InterfaceDefinition<Methods> => definition;

/** The same interface under a longer name: with `SMAPIv3.` the method `SR.ls` is called `SMAPIv3.SR.ls`. */
export const prefixed = <Methods extends Record<string, MethodDefinition>>(
  prefix: string,
  definition: InterfaceDefinition<Methods>,
): InterfaceDefinition<Methods> => ({ ...definition, name: `${prefix}${definition.name}` });
