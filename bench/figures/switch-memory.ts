import type { Figure } from '../figure.ts';
import { startSwitch } from '../switch.ts';
import { fillQueue } from '../switch-load.ts';

/** What many messages that wait take. */

const MESSAGES = 1_000_000;
const PAYLOAD_BYTES = 1024;
const GIB = 1024 ** 3;

export const switchMemory: Figure = {
  name: 'switch-memory',
  measure: async (progress) => {
    progress(`memory of a switch: publishing ${MESSAGES} messages of ${PAYLOAD_BYTES} bytes`);
    const words = [`--switch.maxQueueMessages=${MESSAGES}`, '--switch.maxQueueBytes=2GiB'];
    const server = await startSwitch({ sync: 'never', words });
    await fillQueue(server, 'waiting', MESSAGES, PAYLOAD_BYTES);
    const { rss } = await server.memory();
    await server.stop();
    const payloads = MESSAGES * PAYLOAD_BYTES;
    return [
      {
        figure: 'switch-memory',
        title: `resident with ${MESSAGES} messages of ${PAYLOAD_BYTES} bytes that wait`,
        unit: 'bytes',
        ours: { what: 'datapathd', value: rss },
        peer: { what: 'their payloads alone', value: payloads },
        ratio: rss / payloads,
        target: { type: 'at-most', value: 1.3 * GIB },
      },
    ];
  },
};
