import { open } from './switch-http.ts';

/** How many connect at the same time: a listening socket holds so many that it has not accepted yet. */
const AT_ONCE = 100;

/** Sessions that each wait for a message in a queue of their own; gives what ends them. */
export async function openListeners(path: string, count: number): Promise<() => void> {
  const listeners: (() => void)[] = [];
  for (let first = 0; first < count; first += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, at) => first + at);
    listeners.push(...(await Promise.all(numbers.map((number) => openListener(path, `idle-${number}`)))));
  }
  // All transfers are here when what is asked behind them is answered.
  const last = await open(path);
  await last.ask('GET', '/login/last');
  await last.ask('GET', '/list/idle-');
  last.socket.destroy();
  return () => {
    for (const close of listeners) close();
  };
}

async function openListener(path: string, name: string): Promise<() => void> {
  const { socket, ask } = await open(path);
  await ask('GET', `/login/${name}`);
  await ask('GET', `/persistent/${name}`);
  void ask('POST', '/transfer', JSON.stringify({ from: '-1', timeout: 3600, queues: [name] }));
  return () => socket.destroy();
}
