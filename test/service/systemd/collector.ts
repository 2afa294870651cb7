import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

/**
 * A collector of traces by OTLP over HTTP at a port of the loopback: prints that it is listening, and then the name and the trace
 * of each span that comes.
 */

interface Traces {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

interface Span {
  readonly name: string;
  readonly traceId: string;
}

const [port] = process.argv.slice(2);
const server = createServer(async (request, response) => {
  const { resourceSpans } = (await json(request)) as Traces;
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  for (const { name, traceId } of spans) console.log(name, traceId);
  response.end('{}');
});
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
