import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ConnectionLimits } from '../../src/socket/connection.ts';
import { type ListeningSocket, listenOn, type SocketOptions } from '../../src/socket/listen.ts';
import { type Conversation, farewell, type Reply, reply } from '../../src/wire/conversation.ts';
import { tempDirectory } from '../helpers/temp.ts';

/** How a line is answered in these tests. */
export type AnswerLine = (line: string) => Reply | Promise<Reply>;

/** A conversation of lines. */
export function lines(answer: AnswerLine, closed: () => void = () => {}): Conversation {
  let text = '';
  let ended = false;
  return {
    protocol: 'lines',
    get begun() {
      return text !== '';
    },
    push: (chunk) => {
      text += chunk.toString();
    },
    next: () => {
      const end = text.indexOf('\n');
      if (end < 0 && ended && text !== '') {
        text = '';
        return farewell('half a line\n');
      }
      if (end < 0) return undefined;
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      return answer(line);
    },
    end: () => {
      ended = true;
    },
    timedOut: () => farewell('too slow\n'),
    closed,
  };
}

export const echo: AnswerLine = (line) => reply(`${line}\n`);

export const LIMITS: ConnectionLimits = {
  requestTimeout: 60_000,
  maxUnsentBytes: 1024 * 1024,
  slowReaderTimeout: 60_000,
};

/** Listens in a folder of the test's own, with wide limits. */
export async function listen(
  t: TestContext,
  start: SocketOptions['start'],
  overrides: Partial<SocketOptions> = {},
): Promise<ListeningSocket> {
  const socket = await listenOn({
    path: join(tempDirectory(t), 'socket'),
    mode: 0o600,
    gid: undefined,
    limits: LIMITS,
    budget: { open: 0, max: 100 },
    refusal: 'too many\n',
    refused: () => {},
    start,
    ...overrides,
  });
  t.after(async () => {
    await socket.stopListening();
    socket.destroy();
  });
  return socket;
}
