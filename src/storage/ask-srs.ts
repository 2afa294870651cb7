import type { AttachedSrs } from './attached-srs.ts';
import type { AttachedSr } from './operations.ts';
import type { Plugin } from './plugins/plugin.ts';
import { runScript, scriptOf } from './scripts.ts';
import { SrInterface } from './sr.ts';
import { UNKNOWN_QUEUE } from './takeover.ts';

const STAT = scriptOf(SrInterface, 'stat');

/** SRs that are asked at the same time: one that hangs holds up few others, and xapi's calls find room beside them. */
const AT_ONCE = 4;

/**
 * Asks each SR how it is. One that was taken over belongs to the plugin that knows it, if just one does. `wrong` is told of
 * each that does not answer well. Never rejects.
 */
export async function askSrs(
  attached: Iterable<AttachedSr>,
  plugins: readonly Plugin[],
  srs: Pick<AttachedSrs, 'bind'>,
  wrong: (sr: string, reason: string) => void,
): Promise<void> {
  const rest = [...attached].values();
  const askOneByOne = async (): Promise<void> => {
    for (const each of rest) {
      try {
        await askSr(each, plugins, srs, wrong);
      } catch (error) {
        wrong(each.sr, error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askOneByOne));
}

async function askSr(
  { sr, queue, handle }: AttachedSr,
  plugins: readonly Plugin[],
  srs: Pick<AttachedSrs, 'bind'>,
  wrong: (sr: string, reason: string) => void,
): Promise<void> {
  const candidates = plugins.filter(({ name }) => name === queue || queue === UNKNOWN_QUEUE);
  const known: Plugin[] = [];
  const reasons: string[] = [];
  for (const plugin of candidates) {
    const reason = await ask(plugin, handle);
    if (reason === undefined) known.push(plugin);
    else reasons.push(reason);
  }
  const [owner, second] = known;
  if (owner === undefined) wrong(sr, reasons.join('; ') || noPlugin(queue));
  else if (second === undefined) await srs.bind(sr, owner.name);
}

const noPlugin = (queue: string): string =>
  queue === UNKNOWN_QUEUE ? 'there is no volume plugin' : `there is no plugin ${queue}`;

/** Why the SR is not well; nothing: it is. */
async function ask(plugin: Plugin, handle: string): Promise<string | undefined> {
  try {
    const { health } = await runScript(plugin, STAT, { dbg: 'datapathd asks after a start', sr: handle });
    return health[0] === 'Healthy' ? undefined : `${plugin.name}: ${health.join(': ')}`;
  } catch (error) {
    return `${plugin.name}: ${error instanceof Error ? error.message : error}`;
  }
}
