/** Why the store did not do what was asked. */
export class XenstoreError extends Error {
  /**
   * The store's own name of the error, mostly one of errno's (`ENOENT`, `EAGAIN`, `EQUOTA`); or, found on this side:
   * `ETIMEDOUT`, `ECONNRESET`, `E2BIG`, `EINVAL`, `EPROTO`.
   */
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${message}: ${code}`);
    this.code = code;
  }
}

/** Whether what went wrong is this error of the store's. */
export const isStoreError = (error: unknown, code: string): boolean =>
  error instanceof XenstoreError && error.code === code;

const CONNECTION_ENDED: ReadonlySet<string> = new Set(['ECONNRESET', 'ETIMEDOUT', 'EPROTO']);

/** Whether the store answered, with an error: any other one means that the connection has ended, or a fault of ours. */
export const isAnswer = (error: unknown): error is XenstoreError =>
  error instanceof XenstoreError && !CONNECTION_ENDED.has(error.code);
