import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from '../helpers/temp.ts';

/** A request that came, to be answered by the test. */
export interface Came {
  /** Counted from 0 in the order in which they connected. */
  readonly connection: number;
  readonly line: string;
  readonly body: Buffer;
  answer(body: string | Buffer, status?: number): void;
  /** Bytes in place of an answer. */
  say(bytes: string): void;
  /** Closes the connection. */
  hangUp(): void;
}

/** A switch that is played by the test: it takes nothing but the protocol's own form, and answers what it is told. */
export interface StrictSwitch {
  readonly path: string;
  /** The next request whose line begins so, on whatever connection it comes; others wait for who expects them. */
  expect(line: string): Promise<Came>;
  /** Answers the logins, the creation and the first transfer of a client; what it asked before is forgotten. */
  welcome(...messages: readonly string[]): Promise<void>;
  /** Settles when the client has closed the connection. */
  left(connection: number): Promise<void>;
  /** Closes everything, and removes the socket. */
  die(): void;
}

const NAME = "(?:[A-Za-z0-9.:_!~*'()-]|%[0-9A-F]{2})+";
const FORMS = [
  `GET /login/${NAME}`,
  `GET /persistent/${NAME}`,
  `GET /ack/${NAME}/[0-9]+`,
  `POST /response/${NAME}/${NAME}/[0-9]+`,
  'POST /transfer',
  ...['GET /', `GET /\\?(?:[a-z]+=${NAME}&?)+`, 'GET /trace/-?[0-9]+/[0-9]+'],
].map((form) => new RegExp(`^${form}$`));
/** What may be asked without a session. A query is of ours: others don't look at it. */
const OBSERVES = /^GET \/(?:\?.*|trace\/.*)?$/;
const TRANSFER = /^\{(?:"from":"[0-9]+",)?"timeout":[0-9]+\.[0-9],"queues":\["(?:[^"\\]|\\.)+"\]\}$/;

export const message = (queue: string, id: number, payload: string, replyTo = 'replies'): string =>
  JSON.stringify([[queue, id], { payload, kind: ['Request', replyTo] }]);

export const delivery = (messages: readonly string[], next: number): string =>
  `{"messages":[${messages.join(',')}],"next":"${next}"}`;

/** The messages, with the largest of their ids. */
const deliveryOf = (messages: readonly string[]): string =>
  delivery(messages, Math.max(-1, ...messages.map((text) => JSON.parse(text)[0][1])));

export async function startStrictSwitch(t: TestContext, path?: string): Promise<StrictSwitch> {
  const where = path ?? join(tempDirectory(t), 'switch');
  const waiting: Came[] = [];
  const sockets: Socket[] = [];
  const wrong: string[] = [];
  /** Of those whose requests are still looked at. */
  let oldest = 0;
  let wake = Promise.withResolvers<void>();
  const news = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const server = createServer((socket) => {
    const connection = sockets.push(socket) - 1;
    const came = (request: Came) => {
      waiting.push(request);
      news();
    };
    readRequests(socket, connection, came, (what) => wrong.push(what));
    socket.on('error', () => {});
    socket.on('close', news);
  }).listen(where);
  await once(server, 'listening');
  const die = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    rmSync(where, { force: true });
  };
  t.after(() => {
    die();
    assert.deepEqual(wrong, []);
  });

  const expect = async (line: string): Promise<Came> => {
    for (;;) {
      const at = waiting.findIndex(
        (request) => request.connection >= oldest && request.line.startsWith(line),
      );
      const [found] = at < 0 ? [] : waiting.splice(at, 1);
      if (found !== undefined) return found;
      await wake.promise;
    }
  };
  return {
    path: where,
    expect,
    welcome: async (...messages) => {
      const logins = [await expect('GET /login/'), await expect('GET /login/')];
      oldest = Math.min(...logins.map(({ connection }) => connection));
      for (const { answer } of logins) answer('');
      (await expect('GET /persistent/')).answer('queue');
      const { body, answer } = await expect('POST /transfer');
      assert.match(body.toString(), /^\{"timeout":0\.0,/);
      answer(deliveryOf(messages));
    },
    left: async (connection) => {
      while (sockets[connection]?.closed !== true) await wake.promise;
    },
    die,
  };
}

function readRequests(
  socket: Socket,
  connection: number,
  came: (request: Came) => void,
  wrong: (what: string) => void,
): void {
  let received = Buffer.alloc(0);
  let loggedIn = false;
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = received.toString('latin1', 0, headEnd);
      const length = Number(/\r\ncontent-length: ([0-9]+)(?:\r\n|$)/i.exec(head)?.[1]);
      const bodyEnd = headEnd + 4 + length;
      if (received.length < bodyEnd) return;
      const body = received.subarray(headEnd + 4, bodyEnd);
      received = received.subarray(bodyEnd);
      const line = wrongForm(head, length, body) ?? head.slice(0, head.indexOf(' HTTP/'));
      loggedIn ||= line.startsWith('GET /login/');
      if (!loggedIn && !OBSERVES.test(line)) wrong(`without login: ${line}`);
      if (line.startsWith('wrong form')) wrong(line);
      came({
        connection,
        line,
        body,
        answer: (text, status = 200) => {
          socket.write(`HTTP/1.1 ${status} OK\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`);
          socket.write(text);
        },
        say: (bytes) => socket.write(bytes),
        hangUp: () => socket.destroy(),
      });
    }
  });
}

function wrongForm(head: string, length: number, body: Buffer): string | undefined {
  const [, line = ''] = /^([A-Z]+ \S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
  const isRight =
    FORMS.some((form) => form.test(line)) &&
    Number.isSafeInteger(length) &&
    /\r\nconnection: keep-alive(?:\r\n|$)/i.test(head) &&
    !/\r\ntransfer-encoding:/i.test(head) &&
    (line.startsWith('POST') || length === 0) &&
    (line !== 'POST /transfer' || TRANSFER.test(body.toString()));
  return isRight ? undefined : `wrong form: ${head} ${body}`;
}
