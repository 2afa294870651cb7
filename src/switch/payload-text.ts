import { isUtf8 } from 'node:buffer';

/** Text that is to be written: a string as UTF-8, a buffer as it is. */
export type Text = string | Buffer;

/** Joins texts; bytes stay bytes. */
export function joinTexts(texts: readonly Text[]): Text {
  return texts.every((text) => typeof text === 'string')
    ? texts.join('')
    : Buffer.concat(texts.map((text) => (typeof text === 'string' ? Buffer.from(text) : text)));
}

/**
 * A payload as a JSON string. A payload is bytes: one that is no UTF-8 comes out with every byte as it went in, as
 * xapi's own switch does it, although the whole is then no UTF-8 either.
 */
export const jsonText = (payload: Buffer): Text =>
  isUtf8(payload) ? JSON.stringify(payload.toString()) : escapeBytes(payload);

/** At most so many first bytes of a payload: not half a character of UTF-8 at their end, which would spoil the text. */
export const firstBytes = (payload: Buffer, most: number): Buffer =>
  payload.length <= most ? payload : payload.subarray(0, characterStart(payload, most));

/** A character of UTF-8 has at most this many bytes behind its first. */
const MAX_CONTINUATION_BYTES = 3;

/** The place itself, or just before it, where a character of UTF-8 begins. */
function characterStart(bytes: Buffer, place: number): number {
  for (let at = place; at >= 0 && at >= place - MAX_CONTINUATION_BYTES; at -= 1) {
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return at;
  }
  return place;
}

function escapeBytes(payload: Buffer): Buffer {
  // Each byte as the character with its number: what JSON escapes is ASCII, and the rest stays what it is.
  return Buffer.from(JSON.stringify(payload.toString('latin1')), 'latin1');
}
