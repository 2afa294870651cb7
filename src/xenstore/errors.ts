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
