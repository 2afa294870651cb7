import { MAX_PAYLOAD, type OperationName } from '../../wire/xenstore.ts';
import { type Path, parsePath, parseSpecialPath } from './path.ts';
import type { Client, StoreState } from './state.ts';
import { Transaction } from './transactions.ts';
import { type Change, find, listing, type Node } from './tree.ts';
import type { Firing, Watch } from './watches.ts';

/** What an operation comes to: the answer's payload and the watches that fire behind it, or the name of an error. */
export type Outcome =
  | { readonly type: 'ok'; readonly payload: Buffer | string; readonly firings: readonly Firing<Client>[] }
  | { readonly type: 'error'; readonly errno: Errno };

export type Errno = 'EINVAL' | 'ENOENT' | 'EEXIST' | 'EBUSY' | 'EAGAIN' | 'E2BIG' | 'EQUOTA' | 'ENOSYS';

/** A request, taken apart as its operation needs it. */
export interface Request {
  readonly state: StoreState;
  readonly client: Client;
  readonly transactionId: number;
  readonly payload: Buffer;
}

const ok = (payload: Buffer | string, firings: readonly Firing<Client>[] = []): Outcome => ({
  type: 'ok',
  payload,
  firings,
});
const fail = (errno: Errno): Outcome => ({ type: 'error', errno });

const OK = 'OK\0';

/** Every operation, and the function that does it: Xen's docs/misc/xenstore.txt. */
export const OPERATIONS: Readonly<Record<OperationName, (request: Request) => Outcome>> = {
  DIRECTORY: doDirectory,
  READ: doRead,
  GET_PERMS: doGetPerms,
  WATCH: doWatch,
  UNWATCH: doUnwatch,
  TRANSACTION_START: doTransactionStart,
  TRANSACTION_END: doTransactionEnd,
  INTRODUCE: doIntroduce,
  RELEASE: doRelease,
  GET_DOMAIN_PATH: doGetDomainPath,
  WRITE: doWrite,
  MKDIR: doMkdir,
  RM: doRm,
  SET_PERMS: doSetPerms,
  IS_DOMAIN_INTRODUCED: doIsDomainIntroduced,
  RESUME: doKnownDomain,
  SET_TARGET: doKnownDomain,
  RESET_WATCHES: doResetWatches,
  DIRECTORY_PART: doDirectoryPart,
  // These two are only ever sent by a store.
  WATCH_EVENT: () => fail('ENOSYS'),
  ERROR: () => fail('ENOSYS'),
};

/** The strings of a payload, each of which ends in a NUL. `undefined`: the last one does not. */
function stringsOf({ payload }: Request): string[] | undefined {
  const strings = payload.toString('latin1').split('\0');
  return strings.pop() === '' ? strings : undefined;
}

/** A node that is asked for: by the one string of the payload, in the transaction if there is one. */
function withNode(request: Request, use: (node: Node, path: Path) => Outcome): Outcome {
  const [given] = stringsOf(request) ?? [];
  const path = given === undefined ? undefined : parsePath(given);
  if (path === undefined) return fail('EINVAL');
  const { state, client, transactionId } = request;
  const transaction = client.transactions.get(transactionId);
  if (transactionId !== 0 && transaction === undefined) return fail('ENOENT');
  const node = transaction === undefined ? find(state.root, path) : transaction.read(path);
  return node === undefined ? fail('ENOENT') : use(node, path);
}

function doDirectory(request: Request): Outcome {
  return withNode(request, (node) => {
    const names = listing(node);
    return names.length > MAX_PAYLOAD ? fail('E2BIG') : ok(names);
  });
}

function doDirectoryPart(request: Request): Outcome {
  return withNode(request, (node) => {
    const offset = Number(stringsOf(request)?.[1] ?? Number.NaN);
    const names = listing(node);
    if (!Number.isInteger(offset) || offset < 0 || offset > names.length) return fail('EINVAL');
    const head = `${node.generation}\0`;
    const room = MAX_PAYLOAD - head.length - 1;
    if (names.length - offset <= room) return ok(`${head}${names.slice(offset)}\0`);
    const end = names.lastIndexOf('\0', offset + room - 1) + 1;
    return ok(head + names.slice(offset, end));
  });
}

function doRead(request: Request): Outcome {
  return withNode(request, ({ value }) => ok(Buffer.from(value, 'latin1')));
}

function doGetPerms(request: Request): Outcome {
  return withNode(request, ({ permissions }) => ok(permissions.map((entry) => `${entry}\0`).join('')));
}

/** Makes a change, in the transaction if there is one. */
function change({ state, client, transactionId }: Request, wanted: Change): Outcome {
  const transaction = client.transactions.get(transactionId);
  if (transactionId !== 0 && transaction === undefined) return fail('ENOENT');
  const { root } = transaction ?? state;
  if (root.size + wanted.path.names.length > state.limits.embeddedMaxNodes && wanted.type !== 'remove') {
    return fail('EQUOTA');
  }
  if (transaction === undefined) return ok(OK, state.change(wanted));
  transaction.change(wanted, state.nextGeneration());
  return ok(OK);
}

function doWrite(request: Request): Outcome {
  const { payload } = request;
  const end = payload.indexOf(0);
  const path = end < 0 ? undefined : parsePath(payload.toString('latin1', 0, end));
  if (path === undefined) return fail('EINVAL');
  return change(request, { type: 'write', path, value: payload.toString('latin1', end + 1) });
}

function doMkdir(request: Request): Outcome {
  const path = parsePath(stringsOf(request)?.[0] ?? '');
  if (path === undefined) return fail('EINVAL');
  return exists(request, path) ? ok(OK) : change(request, { type: 'make', path });
}

function doRm(request: Request): Outcome {
  const path = parsePath(stringsOf(request)?.[0] ?? '');
  if (path === undefined || path.names.length === 0) return fail('EINVAL');
  if (exists(request, path)) return change(request, { type: 'remove', path });
  // What is not there is as good as removed, as long as there is a place where it could be.
  const parent = parsePath(path.text.slice(0, path.text.lastIndexOf('/')) || '/');
  return parent !== undefined && exists(request, parent) ? ok(OK) : fail('ENOENT');
}

const exists = ({ state, client, transactionId }: Request, path: Path): boolean => {
  const transaction = client.transactions.get(transactionId);
  return (transaction === undefined ? find(state.root, path) : transaction.read(path)) !== undefined;
};

const PERMISSION = /^[nrwb][0-9]{1,5}$/;

function doSetPerms(request: Request): Outcome {
  const [, ...permissions] = stringsOf(request) ?? [];
  if (permissions.length === 0 || !permissions.every((entry) => PERMISSION.test(entry)))
    return fail('EINVAL');
  return withNode(request, (_node, path) => change(request, { type: 'permit', path, permissions }));
}

function doWatch({ state, client, ...request }: Request): Outcome {
  const [given = '', token = '', ...more] = stringsOf({ state, client, ...request }) ?? ['', '', ''];
  const path = parseSpecialPath(given) ?? parsePath(given);
  if (path === undefined || more.length > 0) return fail('EINVAL');
  const key = `${given}\0${token}`;
  if (client.watches.has(key)) return fail('EEXIST');
  if (client.watches.size >= state.limits.embeddedMaxWatches) return fail('EQUOTA');
  const watch: Watch<Client> = { owner: client, path, given, token };
  client.watches.set(key, watch);
  state.watches.add(watch);
  return ok(OK, [{ watch, path: given }]);
}

function doUnwatch({ state, client, ...request }: Request): Outcome {
  const [given = '', token = ''] = stringsOf({ state, client, ...request }) ?? [];
  const key = `${given}\0${token}`;
  const watch = client.watches.get(key);
  if (watch === undefined) return fail('ENOENT');
  client.watches.delete(key);
  state.watches.delete(watch);
  return ok(OK);
}

function doResetWatches({ state, client }: Request): Outcome {
  for (const watch of client.watches.values()) state.watches.delete(watch);
  client.watches.clear();
  return ok(OK);
}

function doTransactionStart({ state, client, transactionId }: Request): Outcome {
  if (transactionId !== 0) return fail('EBUSY');
  if (client.transactions.size >= state.limits.embeddedMaxTransactions) return fail('EQUOTA');
  const id = state.nextGeneration();
  client.transactions.set(id, new Transaction(state.root));
  return ok(`${id}\0`);
}

function doTransactionEnd({ state, client, transactionId, payload }: Request): Outcome {
  const transaction = client.transactions.get(transactionId);
  if (transaction === undefined) return fail('ENOENT');
  const word = payload.toString('latin1');
  if (word !== 'T\0' && word !== 'F\0') return fail('EINVAL');
  client.transactions.delete(transactionId);
  if (word === 'F\0') return ok(OK);
  if (transaction.conflictsWith(state.root)) return fail('EAGAIN');
  const before = state.root;
  const after = transaction.appliedTo(before, () => state.nextGeneration());
  return ok(OK, state.become(after, transaction.effects(before, after)));
}

/** Domids from 0x7ff0 on have meanings of their own: Xen's public/xen.h. */
const FIRST_RESERVED_DOMID = 0x7ff0;

function domidOf(request: Request): number | undefined {
  const text = stringsOf(request)?.[0] ?? '';
  return /^[0-9]{1,5}$/.test(text) && Number(text) < FIRST_RESERVED_DOMID ? Number(text) : undefined;
}

/** The watches of a special path, which are told its name. */
function special(state: StoreState, name: string): Firing<Client>[] {
  const path = parseSpecialPath(name);
  return path === undefined ? [] : [...state.watches.at(path)];
}

function doIntroduce(request: Request): Outcome {
  const domid = domidOf(request);
  const fields = stringsOf(request) ?? [];
  if (domid === undefined || fields.length < 3) return fail('EINVAL');
  const { state } = request;
  if (state.domains.has(domid)) return ok(OK);
  state.domains.add(domid);
  return ok(OK, special(state, '@introduceDomain'));
}

function doRelease(request: Request): Outcome {
  const domid = domidOf(request);
  if (domid === undefined || domid === 0) return fail('EINVAL');
  const { state } = request;
  if (!state.domains.delete(domid)) return fail('ENOENT');
  return ok(OK, [...state.removeOwnedBy(domid), ...special(state, '@releaseDomain')]);
}

function doGetDomainPath(request: Request): Outcome {
  const domid = domidOf(request);
  return domid === undefined ? fail('EINVAL') : ok(`/local/domain/${domid}\0`);
}

function doIsDomainIntroduced(request: Request): Outcome {
  const domid = domidOf(request);
  if (domid === undefined) return fail('EINVAL');
  return ok(request.state.domains.has(domid) ? 'T\0' : 'F\0');
}

/** There is nothing to do for a domain here, but to know it. */
function doKnownDomain(request: Request): Outcome {
  const domid = domidOf(request);
  if (domid === undefined) return fail('EINVAL');
  return request.state.domains.has(domid) ? ok(OK) : fail('ENOENT');
}
