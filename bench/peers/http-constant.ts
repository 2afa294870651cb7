import { createServer } from 'node:http';

/** A node:http server that reads each request's body and answers a constant. */
const [path = ''] = process.argv.slice(2);
const ANSWER = `${JSON.stringify({ result: Array.from({ length: 10 }, () => crypto.randomUUID()), error: null, id: 1 })}\n`;

createServer((request, response) => {
  request.on('data', () => {});
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.setHeader('content-length', ANSWER.length);
    response.end(ANSWER);
  });
}).listen(path);
