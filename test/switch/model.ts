import type { In, Kind } from '../../src/switch/protocol.ts';
import type { Outcome } from './ask.ts';

interface ModelMessage {
  readonly id: number;
  readonly payload: string;
  readonly kind: Kind;
}

interface ModelQueue {
  readonly name: string;
  readonly owner: string | undefined;
  alive: boolean;
  nextId: number;
  messages: ModelMessage[];
}

interface ModelConnection {
  readonly number: number;
  token: string;
  readonly held: Set<string>;
}

/** The protocol in its simplest form: queues are arrays, sessions are sets, and everything is searched through. */
export class Model {
  #queues: ModelQueue[] = [];
  #connections: ModelConnection[] = [];

  disconnect(number: number): Outcome {
    const left = this.#connections.find((connection) => connection.number === number);
    this.#connections = this.#connections.filter((connection) => connection !== left);
    const held = new Set(this.#connections.flatMap((connection) => [...connection.held]));
    // Of sessions that nobody holds, only those that this connection held can own anything.
    this.#queues = this.#queues.filter(({ owner }) => owner === undefined || held.has(owner));
    return 'gone';
  }

  ask(number: number, request: In): Outcome {
    const connection = this.#connections.find((each) => each.number === number);
    if (request.type === 'login') return this.#login(number, request.token);
    if (connection === undefined) return { type: 'refused', status: 404, reason: 'Please log in.' };
    switch (request.type) {
      case 'create': {
        const owner = request.lifetime === 'transient' ? connection.token : undefined;
        const queue = { name: request.queue, owner, alive: false, nextId: 0, messages: [] };
        if (this.#find(request.queue) === undefined) this.#queues.push(queue);
        return { type: 'created', queue: request.queue };
      }
      case 'destroy':
        this.#queues = this.#queues.filter(({ name }) => name !== request.queue);
        return { type: 'done' };
      case 'send':
        return this.#send(request);
      case 'transfer':
        return this.#transfer(request);
      case 'ack': {
        const queue = this.#find(request.id.queue);
        if (queue !== undefined) queue.messages = queue.messages.filter(({ id }) => id !== request.id.id);
        return { type: 'done' };
      }
      case 'list': {
        const names = this.#queues
          .filter(({ name, alive }) => name.startsWith(request.prefix) && (alive || !request.alive))
          .map(({ name }) => name);
        return { type: 'names', names: names.sort().reverse() };
      }
      case 'diagnostics':
      case 'trace':
      case 'shutdown':
        throw new Error(`the model knows no ${request.type}`);
    }
  }

  #login(number: number, token: string): Outcome {
    const connection = this.#connections.find((each) => each.number === number);
    if (connection === undefined) this.#connections.push({ number, token, held: new Set([token]) });
    else {
      connection.token = token;
      connection.held.add(token);
    }
    return { type: 'done' };
  }

  #send({ queue: name, payload, kind }: In & { type: 'send' }): Outcome {
    const queue = this.#find(name);
    if (queue === undefined) return { type: 'sent', id: undefined };
    const id = queue.nextId;
    queue.nextId += 1;
    queue.messages.push({ id, payload: payload.toString(), kind });
    return { type: 'sent', id: { queue: name, id } };
  }

  #transfer({ queues: names, from }: In & { type: 'transfer' }): Outcome {
    const found = names.flatMap((name) => this.#find(name) ?? []);
    for (const queue of found) queue.alive = true;
    const messages = found.flatMap(({ name, messages: waiting }) =>
      waiting.filter(({ id }) => id > from).map((message) => ({ ...message, name })),
    );
    if (messages.length === 0) return { type: 'waits', next: from };
    return {
      type: 'messages',
      ids: messages.map(({ name, id }) => [name, id] as const),
      payloads: messages.map(({ payload }) => payload),
      kinds: messages.map(({ kind }) => kind),
      next: Math.max(...messages.map(({ id }) => id)),
    };
  }

  #find(name: string): ModelQueue | undefined {
    return this.#queues.find((queue) => queue.name === name);
  }
}
