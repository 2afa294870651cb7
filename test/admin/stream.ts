import type { HttpClient } from '../switch/helpers.ts';
import { request } from '../switch/helpers.ts';

/** The stream of a page, read without a browser. */
export interface Stream {
  /** All that has come since the last time, once it matches. */
  until(pattern: RegExp): Promise<string>;
}

/** Asks for the stream, and gives it when its head has come. */
export async function readStream(client: HttpClient): Promise<Stream> {
  client.send(request('GET', '/admin/events', ''));
  while ((await client.receiveLine()) !== '\r');
  let read = '';
  return {
    until: async (pattern) => {
      while (!pattern.test(read)) read += `${await client.receiveLine()}\n`;
      const text = read;
      read = '';
      return text;
    },
  };
}
