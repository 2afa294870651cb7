/**
 * How the operations of one journal stand in its records: each as a list of what MessagePack has, and begins with a number
 * for its kind that never gets another meaning.
 */
export interface Codec<Operation> {
  encode(operation: Operation): unknown[];
  /** Throws a `TypeError` for what no version of the format writes. */
  decode(fields: Fields): Operation;
  /** Whether something is lost when this is not kept. What only takes away may be written later. */
  adds(operation: Operation): boolean;
  /** What it takes in a record. */
  roughBytes(operation: Operation): number;
}

/** The fields of an operation. Each is read by its place, as the type that it has to be, or a `TypeError` names the field. */
export type Fields = readonly unknown[];

export function text(fields: Fields, place: number): string {
  const value = fields[place];
  return typeof value === 'string' ? value : wrong(place, 'a text');
}

export function optionalText(fields: Fields, place: number): string | undefined {
  const value = fields[place];
  if (value === null) return undefined;
  return typeof value === 'string' ? value : wrong(place, 'a text or nothing');
}

export function number(fields: Fields, place: number): number {
  const value = fields[place];
  return typeof value === 'number' ? value : wrong(place, 'a number');
}

export function integer(fields: Fields, place: number): number {
  const value = fields[place];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : wrong(place, 'an integer');
}

/** A view of what was unpacked, unless it is most of that: who keeps it would keep the view. */
export function bytes(fields: Fields, place: number): Buffer {
  const value = fields[place];
  if (!Buffer.isBuffer(value)) return wrong(place, 'bytes');
  return value.length * 2 < value.buffer.byteLength ? value : Buffer.from(value);
}

function wrong(place: number, expected: string): never {
  throw new TypeError(`field ${place + 1}: expected ${expected}`);
}
