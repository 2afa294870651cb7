/**
 * Takes secrets out of what goes to a log or into diagnostics: the user info of URIs in any text, and the values
 * of keys that say password, secret, token or key.
 */
const REDACTED = '***';

const SECRET_NAME = /password|secret|token|key/i;

/** `scheme://user:password@host`: what stands between the slashes and the last @ before the path. */
const USER_INFO = /([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#\s"']*@/g;

export const redactText = (text: string): string =>
  text.includes('@') ? text.replace(USER_INFO, `$1${REDACTED}@`) : text;

/** `name` is the key under which the value stands. Errors keep their type, message and stack, in plain fields. */
export function redact(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return SECRET_NAME.test(name) ? REDACTED : redactText(value);
  if (typeof value !== 'object' || value === null) return SECRET_NAME.test(name) ? REDACTED : value;
  if (Array.isArray(value)) return value.map((inside) => redact(inside, name));
  if (value instanceof Error) {
    const { name: type, message, stack = '' } = value;
    return { type, message: redactText(message), stack: redactText(stack) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, redact(inside, key)]));
}
