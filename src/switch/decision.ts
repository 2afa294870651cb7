import type { Operation, Out } from './protocol.ts';

/** What is to be done about a request: an answer, with the operations to apply before it leaves; or waiting. */
export type Decision =
  | { readonly type: 'answer'; readonly out: Out; readonly operations: readonly Operation[] }
  /** Nothing is here yet: ask again when woken, and answer `empty` when the time is over. */
  | {
      readonly type: 'wait';
      readonly until: number;
      readonly empty: Out;
      subscribe(wake: () => void): () => void;
    };

export const answer = (out: Out, operations: readonly Operation[] = []): Decision => ({
  type: 'answer',
  out,
  operations,
});

export const DONE: Out = { type: 'done' };
export const NO_SESSION: Out = { type: 'refused', status: 404, reason: 'Please log in.' };
