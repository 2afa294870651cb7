/**
 * A text with its length in bytes of UTF-8, which a framing tells before it. Where a text is put together from such
 * parts their lengths add up, and it need not be measured, which takes as long as to copy it: but for a part that
 * ends in half a surrogate pair, and JSON's writer escapes these.
 */
export interface Utf8Text {
  readonly text: string;
  readonly bytes: number;
}

export const NO_TEXT: Utf8Text = { text: '', bytes: 0 };

export const measured = (text: string): Utf8Text => ({ text, bytes: Buffer.byteLength(text) });

/** How many bytes the text takes beyond one for each unit of its length: none if it is ASCII. */
export const surplus = ({ text, bytes }: Utf8Text): number => bytes - text.length;
