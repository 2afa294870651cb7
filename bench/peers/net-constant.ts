import { createServer } from 'node:net';

/** A bare node:net server: a constant line for each line that comes, whatever it says. */
const [path = ''] = process.argv.slice(2);
const ANSWER = `${JSON.stringify({ result: Array.from({ length: 10 }, () => crypto.randomUUID()), error: null, id: 1 })}\n`;

createServer((socket) => {
  socket.on('data', () => socket.write(ANSWER));
  socket.on('error', () => socket.destroy());
}).listen(path);
