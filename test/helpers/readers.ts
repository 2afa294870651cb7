import { type Reader, WireFault } from '../../src/wire/fault.ts';

/** All that a reader gives for the pieces, pushed one after the other and read out after each; a fault ends it. */
export function readAll<Message>(
  reader: Reader<Message>,
  pieces: readonly Buffer[],
  end: 'end' | 'stay open' = 'end',
): (Message | WireFault)[] {
  const read: (Message | WireFault)[] = [];
  const drain = (): boolean => {
    for (;;) {
      const message = reader.read();
      if (message === undefined) return true;
      read.push(message);
      if (message instanceof WireFault) return false;
    }
  };
  for (const piece of pieces) {
    reader.push(piece);
    if (!drain()) return read;
  }
  if (end === 'end') {
    reader.end();
    drain();
  }
  return read;
}
