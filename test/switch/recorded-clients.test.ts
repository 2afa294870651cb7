import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectHttp, type HttpClient, startSwitch } from './helpers.ts';

/** A packet between a client and xapi's switch, or the close of a connection by one of them. */
interface Row {
  readonly connection: number;
  readonly from: 'client' | 'switch';
  readonly bytes?: string;
  readonly close?: true;
}

const recorded = (name: string): Row[] =>
  readFileSync(join(import.meta.dirname, '../recorded', `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** The status line and headers in lower case, sorted, and the body. */
function parts(response: string): { head: string[]; body: string } {
  const [head = '', body = ''] = response.split('\r\n\r\n', 2);
  const [status = '', ...headers] = head.split('\r\n');
  return { head: [status, ...headers.map((header) => header.toLowerCase()).sort()], body };
}

/**
 * Where ours differs: it names the connection, as clients older than HTTP/1.1 need it to. Names of headers are the same
 * in any case.
 */
const OURS_ALONE = 'connection: keep-alive';

/**
 * Whether the connection goes on behind a row that closes it: the recorder gave its number also to one that came and went
 * without a word, before a client that found the switch there.
 */
const goesOn = (rows: readonly Row[], place: number): boolean => {
  const next = rows.slice(place + 1).find(({ connection }) => connection === rows[place]?.connection);
  return next !== undefined && next.close === undefined;
};

/** Sends what the clients sent, packet by packet, and holds each answer to the one that they got. */
async function replay(t: TestContext, rows: readonly Row[]): Promise<number> {
  const { path } = await startSwitch(t);
  const clients = new Map<number, HttpClient>();
  let answers = 0;
  for (const [number, { connection, from, bytes, close }] of rows.entries()) {
    const at = `row ${number}`;
    if (from === 'client' && close) {
      if (!goesOn(rows, number)) clients.get(connection)?.end();
    } else if (from === 'client') {
      const client = clients.get(connection) ?? (await connectHttp(t, path));
      clients.set(connection, client);
      client.send(Buffer.from(bytes ?? '', 'latin1'));
      // The next packet of the same request is another one for the switch too.
      await new Promise((resolve) => setImmediate(resolve));
    } else if (close) {
      const client = clients.get(connection);
      clients.delete(connection);
      // A transfer that waited is answered before the close, empty; theirs just closes.
      await client?.receiveAll();
    } else {
      const client = clients.get(connection);
      assert.ok(client !== undefined, at);
      const { head, body } = await client.answer();
      const expected = parts(bytes ?? '');
      const [status = '', ...headers] = head.split('\n');
      assert.equal(status, expected.head[0]?.toLowerCase(), at);
      assert.deepEqual(headers.filter((header) => header !== OURS_ALONE).sort(), expected.head.slice(1), at);
      assert.ok(headers.includes(OURS_ALONE), `${at}: it differs no longer`);
      assert.equal(body.toString('latin1'), expected.body, at);
      answers += 1;
    }
  }
  return answers;
}

for (const name of ['client-unix', 'client-lwt']) {
  test(`${name}: xapi's own client and server get the answers that they got from xapi's switch`, async (t) => {
    const rows = recorded(name);
    const answers = rows.filter(({ from, close }) => from === 'switch' && close === undefined);
    assert.equal(await replay(t, rows), answers.length);
  });
}
