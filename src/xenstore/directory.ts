import { splitStrings } from '../wire/xenstore.ts';
import { XenstoreError } from './errors.ts';

/** How often a folder that changes while it is read is begun again. */
const ATTEMPTS = 100;

/**
 * Lists a folder that is too large for one packet, part by part. `part` asks for the names from a byte offset on; its
 * answer is the folder's generation and as many whole names as fit, and an empty name behind the last. When the
 * generation changes between two parts, names may be missing or come twice, and the list is begun again.
 */
export async function listParts(part: (offset: number) => Promise<Buffer>): Promise<string[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const names = await listOnce(part);
    if (names !== undefined) return names;
  }
  throw new XenstoreError('EAGAIN', `a folder changed each of ${ATTEMPTS} times that it was listed`);
}

/** `undefined`: the folder changed on the way. */
async function listOnce(part: (offset: number) => Promise<Buffer>): Promise<string[] | undefined> {
  const names: string[] = [];
  let generation: string | undefined;
  let offset = 0;
  for (;;) {
    const [current = '', ...more] = splitStrings(await part(offset));
    generation ??= current;
    if (current !== generation) return undefined;
    const last = more.length === 0 || more.at(-1) === '';
    const whole = last ? more.slice(0, -1) : more;
    names.push(...whole);
    if (last) return names;
    for (const name of whole) offset += Buffer.byteLength(name) + 1;
  }
}
