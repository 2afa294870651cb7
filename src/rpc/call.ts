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
 * every protocol; `kind` decides the code where a protocol has codes, and an interface's own error brings its `code`
 * (1–99); `message` is for people.
 */
export type CallError =
  | { readonly kind: EnvelopeError; readonly variant: Value; readonly message: string }
  | { readonly kind: 'interface'; readonly code: number; readonly variant: Value; readonly message: string };

/** The errors that a call can meet whatever it calls: the envelope's and the daemon's own. */
export type EnvelopeError = 'parse' | 'invalid-request' | 'unimplemented' | 'invalid-params' | 'internal';

export const result = (value: Value): Answer => ({ type: 'result', result: value });

/** The error of a method that this queue does not serve. */
export const unimplemented = (method: string): Answer => ({
  type: 'error',
  error: { kind: 'unimplemented', variant: ['Unimplemented', method], message: `no method ${method} here` },
});

/** An error that no interface declares: the variant all xapi clients know is `Internal_error`. */
export const internalError = (kind: Exclude<EnvelopeError, 'unimplemented'>, text: string): Answer => ({
  type: 'error',
  error: { kind, variant: ['Internal_error', text], message: text },
});

/** What stands for an answer that is over the limit. */
export const tooLarge = (maxAnswerBytes: number): Answer =>
  internalError('internal', `the answer is larger than sockets.maxAnswerBytes (${maxAnswerBytes}) allows`);
