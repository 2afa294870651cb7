import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OperationName } from '../../../src/wire/xenstore.ts';
import { perform } from '../../../src/xenstore/embedded/operations.ts';
import { type Client, StoreState } from '../../../src/xenstore/embedded/state.ts';
import {
  begin,
  changed,
  changeIn,
  childrenOf,
  conflicts,
  eventsOf,
  type ModelChange,
  type ModelTransaction,
  type ModelTree,
  parentOf,
} from './model.ts';

const LIMITS = {
  embeddedMaxNodes: 1000,
  embeddedMaxWatches: 100,
  embeddedMaxTransactions: 100,
  embeddedMaxUnsentBytes: 1000,
};

/** What the store begins with. */
const START: readonly ModelChange[] = [
  { type: 'make', path: '/tool' },
  { type: 'write', path: '/local/domain/0/name', value: 'Domain-0' },
  { type: 'write', path: '/local/domain/0/domid', value: '0' },
];

/** A store and its model, which are asked the same, and must answer the same. */
class Pair {
  readonly #state = new StoreState(LIMITS);
  readonly #client: Client = newClient();
  readonly #watched: string[] = [];
  readonly #transactions = new Map<number, ModelTransaction>();
  #tree: ModelTree = START.reduce(
    changed,
    new Map([['/', { value: '', permissions: ['n0'], version: 0 }]]) as ModelTree,
  );

  begin(): void {
    const id = Number.parseInt(this.#ask('TRANSACTION_START', 0, '\0').answer, 10);
    assert.ok(!this.#transactions.has(id));
    this.#transactions.set(id, begin(this.#tree));
  }

  /** Ends one of the open transactions. */
  end(which: number, word: 'T' | 'F'): void {
    const [id, transaction] = this.#transaction(which);
    if (transaction === undefined) return;
    this.#transactions.delete(id);
    const { answer, events } = this.#ask('TRANSACTION_END', id, `${word}\0`);
    if (word === 'T' && conflicts(transaction, this.#tree)) {
      assert.equal(answer, 'EAGAIN');
    } else {
      assert.equal(answer, 'OK\0');
      assert.deepEqual(events, word === 'T' ? this.#apply(transaction.changes) : []);
    }
    assert.equal(this.#ask('READ', id, '/\0').answer, 'ENOENT');
  }

  watch(path: string): void {
    const { answer, events } = this.#ask('WATCH', 0, `${path}\0token\0`);
    const known = this.#watched.includes(path);
    assert.equal(answer, known ? 'EEXIST' : 'OK\0');
    assert.deepEqual(events, known ? [] : [`${path}: ${path}`]);
    if (!known) this.#watched.push(path);
  }

  unwatch(path: string): void {
    const { answer } = this.#ask('UNWATCH', 0, `${path}\0token\0`);
    const at = this.#watched.indexOf(path);
    assert.equal(answer, at < 0 ? 'ENOENT' : 'OK\0');
    if (at >= 0) this.#watched.splice(at, 1);
  }

  read(name: 'READ' | 'DIRECTORY' | 'GET_PERMS', path: string, which: number): void {
    const [id, transaction] = this.#transaction(which);
    const { answer, events } = this.#ask(name, id, `${path}\0`);
    transaction?.nodes.add(path);
    const tree = transaction?.view ?? this.#tree;
    const node = tree.get(path);
    const expected = {
      READ: node?.value,
      DIRECTORY: childrenOf(tree, path)
        .map((child) => `${child}\0`)
        .join(''),
      GET_PERMS: node?.permissions.map((entry) => `${entry}\0`).join(''),
    };
    assert.equal(answer, node === undefined ? 'ENOENT' : expected[name]);
    assert.deepEqual(events, []);
  }

  change(change: ModelChange, which: number): void {
    const [id, transaction] = this.#transaction(which);
    const { answer, events } = this.#ask(REQUESTS[change.type], id, payloadOf(change));
    const tree = transaction?.view ?? this.#tree;
    const expected = expectedOf(change, tree);
    assert.equal(answer, expected === 'EINVAL' || expected === 'ENOENT' ? expected : 'OK\0');
    if (transaction !== undefined && expected !== 'EINVAL') {
      // That there is a node or none is relied upon too.
      if (change.type !== 'write') transaction.nodes.add(change.path);
      if (change.type === 'remove' && !tree.has(change.path)) transaction.nodes.add(parentOf(change.path));
    }
    const done = expected === 'change' ? [change] : [];
    if (transaction === undefined) assert.deepEqual(events, this.#apply(done));
    else {
      assert.deepEqual(events, []);
      for (const each of done) changeIn(transaction, each);
    }
  }

  /** That both hold the same nodes. */
  compare(): void {
    for (const [path, { value, permissions }] of this.#tree) {
      assert.equal(this.#ask('READ', 0, `${path}\0`).answer, value);
      assert.equal(
        this.#ask('DIRECTORY', 0, `${path}\0`).answer.split('\0').slice(0, -1).join(),
        childrenOf(this.#tree, path).join(),
      );
      assert.equal(
        this.#ask('GET_PERMS', 0, `${path}\0`).answer,
        permissions.map((entry) => `${entry}\0`).join(''),
      );
    }
    assert.equal(this.#state.root.size, this.#tree.size);
  }

  #transaction(which: number): [id: number, transaction: ModelTransaction | undefined] {
    return [...this.#transactions][which] ?? [0, undefined];
  }

  /** Changes the model; gives the events. */
  #apply(changes: readonly ModelChange[]): string[] {
    const before = this.#tree;
    this.#tree = changes.reduce(changed, before);
    return eventsOf(this.#watched, changes, before, this.#tree).sort();
  }

  #ask(name: OperationName, transactionId: number, payload: string): { answer: string; events: string[] } {
    const outcome = perform(this.#state, this.#client, name, transactionId, Buffer.from(payload));
    if (outcome.type === 'error') return { answer: outcome.errno, events: [] };
    return {
      answer: outcome.payload.toString(),
      events: outcome.firings.map(({ watch, path }) => `${watch.given}: ${path}`).sort(),
    };
  }
}

function newClient(): Client {
  return { watches: new Map(), transactions: new Map(), lastTransactionId: 0, send: () => {} };
}

const REQUESTS = { write: 'WRITE', make: 'MKDIR', permit: 'SET_PERMS', remove: 'RM' } as const;

function payloadOf(change: ModelChange): string {
  switch (change.type) {
    case 'write':
      return `${change.path}\0${change.value}`;
    case 'permit':
      return `${change.path}\0${change.permissions.map((entry) => `${entry}\0`).join('')}`;
    case 'make':
    case 'remove':
      return `${change.path}\0`;
  }
}

/** Whether the operation changes something, has nothing to do, or is refused. */
function expectedOf(
  { type, path }: ModelChange,
  tree: ModelTree,
): 'change' | 'nothing' | 'ENOENT' | 'EINVAL' {
  switch (type) {
    case 'write':
      return 'change';
    case 'make':
      return tree.has(path) ? 'nothing' : 'change';
    case 'permit':
      return tree.has(path) ? 'change' : 'ENOENT';
    case 'remove':
      if (path === '/') return 'EINVAL';
      if (tree.has(path)) return 'change';
      return tree.has(parentOf(path)) ? 'nothing' : 'ENOENT';
  }
}

const path = fc
  .oneof(
    { weight: 8, arbitrary: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom([], ['local', 'domain', '0', 'name'], ['tool']) },
  )
  .map((names) => `/${names.join('/')}`);
const change: fc.Arbitrary<ModelChange> = fc.oneof(
  fc.record({ type: fc.constant('write' as const), path, value: fc.constantFrom('', '1', '2') }),
  fc.record({ type: fc.constant('make' as const), path }),
  fc.record({
    type: fc.constant('permit' as const),
    path,
    permissions: fc.constantFrom(['n0'], ['r5', 'w7'], ['b0']),
  }),
  fc.record({ type: fc.constant('remove' as const), path }),
);
/** An open transaction, or most often none. */
const which = fc.constantFrom(0, 1, 99);
type Step = (pair: Pair) => void;
const beginning = fc.constant<Step>((pair) => pair.begin());
const ending = fc.tuple(fc.nat(2), fc.constantFrom('T' as const, 'T' as const, 'F' as const)).map(
  ([open, word]): Step =>
    (pair) =>
      pair.end(open, word),
);
const watching = path.map(
  (watched): Step =>
    (pair) =>
      pair.watch(watched),
);
const unwatching = path.map(
  (watched): Step =>
    (pair) =>
      pair.unwatch(watched),
);
const reading = fc
  .tuple(fc.constantFrom('READ' as const, 'DIRECTORY' as const, 'GET_PERMS' as const), path, which)
  .map(
    ([name, read, open]): Step =>
      (pair) =>
        pair.read(name, read, open),
  );
const changing = fc.tuple(change, which).map(
  ([wanted, open]): Step =>
    (pair) =>
      pair.change(wanted, open),
);
const step = fc.oneof(
  { weight: 3, arbitrary: beginning },
  { weight: 3, arbitrary: ending },
  { weight: 2, arbitrary: watching },
  { weight: 1, arbitrary: unwatching },
  { weight: 4, arbitrary: reading },
  { weight: 8, arbitrary: changing },
);

test('whatever is asked in and outside of transactions, the store answers as a plain map of paths would', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 100 }), (steps) => {
      const pair = new Pair();
      for (const run of steps) run(pair);
      pair.compare();
    }),
    { numRuns: 500 },
  );
});
