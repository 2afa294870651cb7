import type { Value } from '../wire/value.ts';

/** A call as every protocol carries it: what is between the envelope's opening and its id. */
export interface Call {
  readonly method: string;
  /** As it came: an array, an object, or nothing. */
  readonly params: Value | undefined;
}

/** What a call comes to. */
export type Answer =
  | { readonly type: 'result'; readonly result: Value }
  | { readonly type: 'error'; readonly error: CallError };

/**
 * Why a call failed. `variant` is the interface's own way to say it (`["Unimplemented","Plugin.foo"]`), the same in
 * every protocol; `kind` decides the code where a protocol has codes; `message` is for people.
 */
export interface CallError {
  readonly kind: ErrorKind;
  readonly variant: Value;
  readonly message: string;
}

/** `interface`: an error that the called interface declares. The others are the envelope's and the daemon's own. */
export type ErrorKind =
  | 'parse'
  | 'invalid-request'
  | 'unimplemented'
  | 'invalid-params'
  | 'internal'
  | 'interface';

export const result = (value: Value): Answer => ({ type: 'result', result: value });

export const failure = (kind: ErrorKind, variant: Value, message: string): Answer => ({
  type: 'error',
  error: { kind, variant, message },
});

/** The error of a method that this queue does not serve. */
export const unimplemented = (method: string): Answer =>
  failure('unimplemented', ['Unimplemented', method], `no method ${method} here`);

/** An error that no interface declares: the variant all xapi clients know is `Internal_error`. */
export const internalError = (
  kind: Exclude<ErrorKind, 'interface' | 'unimplemented'>,
  text: string,
): Answer => failure(kind, ['Internal_error', text], text);
