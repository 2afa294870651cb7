// These entries of the package are its JavaScript alone: its native decoder is never loaded, as nothing but the
// main entry looks for it.
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { ByteQueue } from './byte-queue.ts';
import { type Reader, WireFault } from './fault.ts';
import { type MessagePackLimits, MessagePackScanner, NOT_YET } from './messagepack-scanner.ts';
import { countMembers, type Value } from './value.ts';

/** Makes a message of its bytes, after the scanner has found them whole. */
type Decode<Message> = (bytes: Buffer, scanner: MessagePackScanner) => Message | WireFault;

class FramedReader<Message> implements Reader<Message> {
  readonly #scanner: MessagePackScanner;
  readonly #decode: Decode<Message>;
  readonly #bytes = new ByteQueue();
  #scanned = 0;
  #ended = false;

  constructor(limits: MessagePackLimits, decode: Decode<Message>) {
    this.#scanner = new MessagePackScanner(limits);
    this.#decode = decode;
  }

  get begun(): boolean {
    return this.#bytes.length > 0;
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk);
  }

  end(): void {
    this.#ended = true;
  }

  read(): Message | WireFault | undefined {
    const { buffer, start, end } = this.#bytes;
    if (start === end) return undefined;
    const found = this.#scanner.scan(buffer, start, start + this.#scanned, end);
    if (found instanceof WireFault) return this.#fault(found);
    if (found === NOT_YET) {
      this.#scanned = this.#scanner.scanned - start;
      return this.#ended
        ? this.#fault(new WireFault('incomplete', 'the message ended too early'))
        : undefined;
    }
    const value = this.#decode(buffer.subarray(start, found), this.#scanner);
    if (value instanceof WireFault) return this.#fault(value);
    this.#bytes.consume(found - start);
    this.#reset();
    return value;
  }

  #reset(): void {
    this.#scanned = 0;
    this.#scanner.reset();
  }

  #fault(fault: WireFault): WireFault {
    this.#bytes.clear();
    this.#reset();
    return fault;
  }
}

/** Reads a stream of MessagePack messages, each of which is an array. */
export class MessagePackReader extends FramedReader<Value> {
  constructor(limits: MessagePackLimits) {
    super({ ...limits, binary: false }, decode);
  }
}

/**
 * Reads messages that may hold binary data, which comes as views of the bytes that were pushed. Integers beyond what a
 * double holds come as the nearest double. What a message is, its reader has to check.
 */
export class BinaryMessagePackReader extends FramedReader<unknown> {
  constructor(limits: MessagePackLimits) {
    super({ ...limits, binary: true }, decodeBinary);
  }
}

// Records and the extension types are msgpackr's own dialect.
const unpackr = new Unpackr({
  useRecords: false,
  moreTypes: false,
  mapsAsObjects: true,
  int64AsType: 'bigint',
});
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true });

/** `wide`: the message holds integers in formats of 64 bits, which msgpackr gives as bigints, however small. */
function decode(message: Buffer, { members, wide }: MessagePackScanner): Value | WireFault {
  try {
    const decoded: Value = unpackr.unpack(message);
    const value = wide ? narrowed(decoded) : decoded;
    const counted = countMembers(value);
    if (typeof counted === 'string') return new WireFault('malformed', counted);
    return counted === members ? value : new WireFault('malformed', 'the same name comes twice in a map');
  } catch (error) {
    return unreadable(error);
  }
}

const binaryUnpackr = new Unpackr({
  useRecords: false,
  moreTypes: false,
  mapsAsObjects: true,
  int64AsType: 'number',
});

function decodeBinary(message: Buffer): unknown {
  try {
    return binaryUnpackr.unpack(message);
  } catch (error) {
    return unreadable(error);
  }
}

const unreadable = (error: unknown): WireFault =>
  new WireFault('malformed', error instanceof Error ? error.message : 'no MessagePack');

/** What `writeBinaryMessagePack` takes. */
export type Packable = null | boolean | number | bigint | string | Uint8Array | readonly Packable[];

/** Writes a message that may hold binary data. A number beyond 32 bits becomes a float: a bigint stays an integer. */
export const writeBinaryMessagePack = (message: readonly Packable[]): Buffer => packr.pack(message);

/** Writes a value. Integers are written as integers up to 64 bits; the bytes are not written to again. */
export const writeMessagePack = (value: Value): Buffer =>
  packr.pack(hasWideInteger(value) ? widened(value) : value);

/** msgpackr writes a number beyond 32 bits as a float, which other languages then read as one. */
const isWide = (value: Value): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && (value < -0x8000_0000 || value > 0xffff_ffff);

function hasWideInteger(value: Value): boolean {
  if (typeof value !== 'object' || value === null) return isWide(value);
  return Object.values(value).some(hasWideInteger);
}

const widened = (value: Value): Value =>
  mapScalars(value, (scalar) => (isWide(scalar) ? BigInt(scalar) : scalar));

const narrowed = (value: Value): Value =>
  mapScalars(value, (scalar) =>
    typeof scalar === 'bigint' && Number.isSafeInteger(Number(scalar)) ? Number(scalar) : scalar,
  );

function mapScalars(value: Value, change: (scalar: Value) => Value): Value {
  if (Array.isArray(value)) return value.map((inside) => mapScalars(inside, change));
  if (typeof value !== 'object' || value === null) return change(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, inside]) => [name, mapScalars(inside, change)]),
  );
}
