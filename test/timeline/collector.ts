import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** A span as a collector gets it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** By OTLP: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** ms since the epoch. */
  readonly begun: number;
  readonly ended: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** The message of an error. */
  readonly failure: string | undefined;
}

/** A collector of OTLP over HTTP, whose requests a test may answer as it likes. */
export interface Collector {
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  readonly resources: readonly Readonly<Record<string, string | number>>[];
  readonly requests: readonly { readonly url: string; readonly headers: IncomingHttpHeaders }[];
  /** The first span that passes the test, of those that came and those to come. */
  received(test: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
  /** Settles when there were that many requests. */
  asked(count: number): Promise<void>;
}

/** The status that a request is answered with; nothing: it is never answered. */
export type Answering = (request: number) => number | undefined;

export async function startCollector(
  t: TestContext,
  { socket, answering = () => 200 }: { readonly socket?: string; readonly answering?: Answering } = {},
): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const resources: Record<string, string | number>[] = [];
  const requests: { url: string; headers: IncomingHttpHeaders }[] = [];
  const looking = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ url: request.url ?? '', headers: request.headers });
      const status = answering(requests.length);
      if (status === 200) {
        const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString());
        for (const { resource, scopeSpans } of resourceSpans) {
          resources.push(attributesOf(resource.attributes));
          for (const { spans: sent } of scopeSpans) spans.push(...sent.map(readSpan));
        }
      }
      if (status !== undefined) response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      for (const look of looking) look();
    });
  });
  server.listen(socket ?? { host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const until = <Found>(find: () => Found | undefined): Promise<Found> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        looking.delete(look);
        resolve(found);
      };
      looking.add(look);
      look();
    });
  return {
    endpoint: socket === undefined ? `http://127.0.0.1:${portOf(server.address())}` : `unix:${socket}`,
    spans,
    resources,
    requests,
    received: (test) => until(() => spans.find(test)),
    asked: async (count) => {
      await until(() => (requests.length >= count ? true : undefined));
    },
  };
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address !== null ? address.port : 0;

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}

const attributesOf = (attributes: readonly Attribute[]): Record<string, string | number> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']));

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  /** The code of an error is 2. */
  readonly status: { readonly code: number; readonly message?: string };
}

function readSpan(sent: SentSpan): ReceivedSpan {
  const { traceId, spanId, parentSpanId, name, kind, status } = sent;
  return {
    ...{ traceId, spanId, parentSpanId, name, kind },
    begun: Number(sent.startTimeUnixNano) / 1e6,
    ended: Number(sent.endTimeUnixNano) / 1e6,
    attributes: attributesOf(sent.attributes),
    failure: status.code === 2 ? status.message : undefined,
  };
}
