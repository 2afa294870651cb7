import { readNames } from '../answers.ts';
import { asText, defineCommand } from '../command.ts';
import { request, sessionName, withConnection } from '../context.ts';
import { harmless } from '../text.ts';

export const listCommand = defineCommand({
  name: 'list',
  summary: 'list queues, a name a line',
  details: ['Without --all, only queues that somebody has listened to. With --json, a list of names.'],
  arguments: {},
  options: {
    prefix: { doc: 'only names that begin so', value: 'text', read: asText, default: '' },
    all: { doc: 'also queues that nobody has ever listened to' },
  },
  run: ({ prefix, all }, context) =>
    withConnection(context, sessionName(), async (connection) => {
      const target = `/list${all ? '' : '/alive'}/${encodeURIComponent(prefix)}`;
      const names = readNames(await request(connection, 'GET', target));
      if (context.json) return context.printJson(names);
      return context.print(names.map((name) => `${harmless(name)}\n`).join(''));
    }),
});
