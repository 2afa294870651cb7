import { type Message, SwitchLost, type SwitchPushClient, SwitchRefused } from '../switch/client.ts';
import type { SwitchConnection } from './connection.ts';
import { LARGEST_PUSHED_BYTES, refused } from './line.ts';
import { answerRequests, CREATED_EVERY_SECONDS, type ServingOptions, type Undelivered } from './serving.ts';
import { respondOverHttp } from './serving-http.ts';

/**
 * Serves a queue until a connection is lost, and rejects then. Requests come over MessagePack; large answers go over
 * HTTP, on a connection of the same session that `connectHttp` makes when there is one.
 */
export async function serveOverPush(
  options: ServingOptions,
  client: SwitchPushClient,
  connectHttp: () => Promise<SwitchConnection>,
): Promise<never> {
  const { queue, lifetime, concurrency, undelivered } = options;
  let http: Promise<SwitchConnection> | undefined;
  const underWay = answerRequests(options, {
    respond: async (replyTo, id, answer) => {
      if (Buffer.byteLength(answer) > LARGEST_PUSHED_BYTES) {
        http ??= connectHttp();
        return respondOverHttp(await http, replyTo, id, answer);
      }
      try {
        await client.publish(replyTo, { type: 'response', to: id }, Buffer.from(answer));
        return undefined;
      } catch (error) {
        if (error instanceof SwitchRefused) return refused(error.message);
        throw error;
      }
    },
    ack: (id) => client.ack(id),
  });
  const create = (): Promise<void> => client.create(queue, lifetime);
  const again = setInterval(() => create().catch(underWay.fail), CREATED_EVERY_SECONDS * 1000);
  const forget = forgetPassed(undelivered);
  client.lost.then((reason) => underWay.fail(new SwitchLost(reason)));
  try {
    await create();
    await client.subscribe([queue], { credit: concurrency }, (message) => {
      forget(message);
      underWay.begin(message);
    });
    return await underWay.failed;
  } finally {
    clearInterval(again);
    await underWay.settled();
    await http?.then(
      (connection) => connection.close(),
      () => {},
    );
  }
}

/**
 * Messages come in the order of their ids: of those whose answers an earlier serving left, the ones that have not come
 * when a later one does were answered or are gone.
 */
function forgetPassed(undelivered: Undelivered): (message: Message) => void {
  const left = new Map([...undelivered].map(([key, { message }]) => [key, message.id.id]));
  return ({ id: { id } }) => {
    for (const [key, earlier] of left) {
      if (earlier > id) continue;
      left.delete(key);
      if (earlier < id) undelivered.delete(key);
    }
  };
}
