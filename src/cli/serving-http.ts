import { type Message, type MessageId, readTransferred } from './answers.ts';
import type { SwitchConnection } from './connection.ts';
import { refusalText, request } from './context.ts';
import { idText } from './message-json.ts';
import { answerRequests, CREATED_EVERY_SECONDS, type ServingOptions, type Undelivered } from './serving.ts';

/**
 * Serves a queue until a connection is lost, and rejects then. Transfers wait on one connection, and answers go over the
 * other, of the same session.
 */
export async function serveOverHttp(
  options: ServingOptions,
  waiting: SwitchConnection,
  answering: SwitchConnection,
): Promise<never> {
  const { queue, lifetime, concurrency } = options;
  const underWay = answerRequests(options, {
    respond: (replyTo, id, answer) => respondOverHttp(answering, replyTo, id, answer),
    ack: async (id) => {
      await request(answering, 'GET', `/ack/${encodeURIComponent(id.queue)}/${id.id}`);
    },
  });
  let taken: string | undefined;
  try {
    for (;;) {
      const wanted = JSON.stringify({
        // With nothing under way, all that is here is new, also where ids have begun again at 0.
        from: underWay.size === 0 ? undefined : taken,
        timeout: CREATED_EVERY_SECONDS,
        queues: [queue],
      });
      await request(waiting, 'GET', `/${lifetime}/${encodeURIComponent(queue)}`);
      const transfer = request(waiting, 'POST', '/transfer', wanted, CREATED_EVERY_SECONDS);
      const { messages, next } = readTransferred(await Promise.race([underWay.failed, transfer]));
      if (taken === undefined) forgetOthers(options.undelivered, messages);
      taken = next;
      for (const message of messages) {
        underWay.begin(message);
        if (underWay.size >= concurrency) await Promise.race([underWay.failed, underWay.next()]);
      }
    }
  } finally {
    await underWay.settled();
  }
}

/** What does not come again when all is asked for was answered or is gone. */
function forgetOthers(undelivered: Undelivered, messages: readonly Message[]): void {
  const here = new Set(messages.map(({ id }) => idText(id)));
  for (const key of undelivered.keys()) if (!here.has(key)) undelivered.delete(key);
}

/** Sends an answer. Gives the reason when the switch does not take it. */
export async function respondOverHttp(
  connection: SwitchConnection,
  replyTo: string,
  { queue, id }: MessageId,
  answer: string | Buffer,
): Promise<string | undefined> {
  const target = `/response/${encodeURIComponent(replyTo)}/${encodeURIComponent(queue)}/${id}`;
  const { status, body } = await connection.ask('POST', target, answer);
  return status === 200 ? undefined : refusalText(status, body);
}
