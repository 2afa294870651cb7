import type { In, Kind } from '../../src/switch/protocol.ts';
import type { Outcome } from './ask.ts';

interface ModelMessage {
  readonly id: number;
  readonly payload: string;
  readonly kind: Kind;
  fetched: boolean;
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
  /** Ids of a new queue are above those of every queue that is no more. */
  #floor = 0;
  /** Sessions whose owners have not come back since the restart: their queues wait. */
  #awaited = new Set<string>();

  /** What was accepted is there again; connections are gone, and ids go on from `firstId`. */
  restart(firstId: number): Outcome {
    this.#connections = [];
    this.#floor = firstId;
    this.#awaited = new Set(this.#queues.flatMap(({ owner }) => owner ?? []));
    for (const queue of this.#queues) {
      queue.nextId = firstId;
      for (const message of queue.messages) message.fetched = false;
    }
    return 'gone';
  }

  disconnect(number: number): Outcome {
    const left = this.#connections.find((connection) => connection.number === number);
    this.#connections = this.#connections.filter((connection) => connection !== left);
    const held = new Set(this.#connections.flatMap((connection) => [...connection.held]));
    // Of sessions that nobody holds, only those that this connection held can own anything.
    for (const { name, owner } of this.#queues) {
      if (owner !== undefined && !held.has(owner) && !this.#awaited.has(owner)) this.#remove(name);
    }
    return 'gone';
  }

  /** Removes a queue, and with it the requests that nobody has fetched and whose reply would have come to it. */
  #remove(name: string): void {
    const removed = this.#find(name);
    if (removed === undefined) return;
    this.#floor = Math.max(this.#floor, removed.nextId);
    this.#queues = this.#queues.filter((queue) => queue !== removed);
    for (const queue of this.#queues) {
      queue.messages = queue.messages.filter(
        ({ kind, fetched }) => fetched || kind.type !== 'request' || kind.replyTo !== name,
      );
    }
  }

  ask(number: number, request: In): Outcome {
    const connection = this.#connections.find((each) => each.number === number);
    if (request.type === 'login') return this.#login(number, request.token);
    if (connection === undefined) return { type: 'refused', status: 404, reason: 'Please log in.' };
    switch (request.type) {
      case 'create': {
        const owner = request.lifetime === 'transient' ? connection.token : undefined;
        const queue = { name: request.queue, owner, alive: false, nextId: this.#floor, messages: [] };
        if (this.#find(request.queue) === undefined) this.#queues.push(queue);
        return { type: 'created', queue: request.queue };
      }
      case 'destroy':
        this.#remove(request.queue);
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
      case 'subscribe':
      case 'diagnostics':
      case 'trace':
      case 'shutdown':
        throw new Error(`the model knows no ${request.type}`);
    }
  }

  #login(number: number, token: string): Outcome {
    this.#awaited.delete(token);
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
    queue.messages.push({ id, payload: payload.toString(), kind, fetched: false });
    return { type: 'sent', id: { queue: name, id } };
  }

  #transfer({ queues: names, from }: In & { type: 'transfer' }): Outcome {
    const found = names.flatMap((name) => this.#find(name) ?? []);
    for (const queue of found) queue.alive = true;
    if (names.length > 1) {
      this.#floor = Math.max(this.#floor, ...found.map(({ nextId }) => nextId));
      for (const queue of found) queue.nextId = Math.max(queue.nextId, this.#floor);
    }
    const messages = found.flatMap(({ name, messages: waiting }) =>
      waiting
        .filter(({ id }) => id > from)
        .map((message) => {
          message.fetched = true;
          return { ...message, name };
        }),
    );
    if (messages.length === 0) return { type: 'waits', next: from };
    const next = Math.max(...messages.map(({ id }) => id));
    return {
      type: 'messages',
      ids: messages.map(({ name, id }) => [name, id] as const),
      payloads: messages.map(({ payload }) => payload),
      kinds: messages.map(({ kind }) => kind),
      next,
    };
  }

  #find(name: string): ModelQueue | undefined {
    return this.#queues.find((queue) => queue.name === name);
  }
}
