import { asMessageNumber, defineCommand, queueArgument } from '../command.ts';
import { request, sessionName, withConnection } from '../context.ts';

/** Commands that change the switch with one request and print nothing; as JSON, what they did. */

export const ackCommand = defineCommand({
  name: 'ack',
  summary: 'acknowledge a message, which removes it from its queue',
  details: [
    'The message is not run any more, and its sender is not told. One that is not there is no error: it is acknowledged already.',
  ],
  arguments: {
    queue: queueArgument('the queue of the message'),
    id: { doc: 'the number of the message, as queue show tells it', read: asMessageNumber },
  },
  options: {},
  run: ({ queue, id }, context) =>
    withConnection(context, sessionName(), async (connection) => {
      await request(connection, 'GET', `/ack/${encodeURIComponent(queue)}/${id}`);
      if (context.json) await context.printJson({ acked: { queue, id } });
    }),
});

export const destroyCommand = defineCommand({
  name: 'destroy',
  summary: 'remove a queue with all its messages',
  details: ['It asks nothing. A queue that is not there is no error.'],
  arguments: { queue: queueArgument('the queue to remove') },
  options: {},
  run: ({ queue }, context) =>
    withConnection(context, sessionName(), async (connection) => {
      await request(connection, 'GET', `/destroy/${encodeURIComponent(queue)}`);
      if (context.json) await context.printJson({ destroyed: queue });
    }),
});

export const shutdownCommand = defineCommand({
  name: 'shutdown',
  summary: 'make the switch end',
  details: [
    'It asks nothing. Where a service manager runs the switch, use that: it would start the switch again.',
  ],
  arguments: {},
  options: {},
  run: (_given, context) =>
    withConnection(context, sessionName(), async (connection) => {
      await request(connection, 'POST', '/shutdown');
      if (context.json) await context.printJson({ shutdown: true });
    }),
});
