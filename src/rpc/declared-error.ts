import type { Static } from 'typebox';
import { writeJson } from '../wire/json.ts';
import type { Value } from '../wire/value.ts';
import { type Answer, internalError, unimplemented } from './call.ts';
import type { ErrorDefinition, Immutable } from './interface.ts';

/** An error that the interface declares, thrown by a method to answer its caller with it. */
export class DeclaredError extends Error {
  /** The constructor's name, `Sr_not_attached`. */
  readonly tag: string;
  /** What it holds; nothing: the tag stands alone. */
  readonly value: Value | undefined;

  /** `message` is the text for people; without one the variant is put in words. */
  constructor(tag: string, value: Value | undefined, message?: string) {
    super(message ?? inWords(tag, value));
    this.name = 'DeclaredError';
    this.tag = tag;
    this.value = value;
  }
}

function inWords(tag: string, value: Value | undefined): string {
  if (value === undefined) return tag;
  return `${tag}: ${typeof value === 'string' ? value : writeJson(value)}`;
}

/** Gives the function that makes errors of a set of definitions, so that tag and value are those of the set. */
export const declaredErrors =
  <Errors extends Readonly<Record<string, ErrorDefinition>>>(_errors: Errors) =>
  <Tag extends keyof Errors & string>(
    tag: Tag,
    value: Immutable<Static<Errors[Tag]['value']>> & Value,
    message?: string,
  ): DeclaredError =>
    new DeclaredError(tag, value, message);

/**
 * The answer that carries an error, or nothing when the interface does not declare it. `Unimplemented` and
 * `Internal_error` are answered as those of the envelope are, whoever says them.
 */
export function declaredAnswer(
  errors: Readonly<Record<string, ErrorDefinition>>,
  { tag, value, message }: DeclaredError,
): Answer | undefined {
  const declared = Object.hasOwn(errors, tag) ? errors[tag] : undefined;
  if (declared === undefined) return undefined;
  if (typeof value === 'string') {
    if (tag === 'Unimplemented') return unimplemented(value);
    if (tag === 'Internal_error') return internalError('internal', value);
  }
  const variant = value === undefined ? tag : [tag, value];
  return { type: 'error', error: { kind: 'interface', code: declared.code, variant, message } };
}
