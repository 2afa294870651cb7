import { MAX_PAYLOAD, type OperationName } from '../../wire/xenstore.ts';
import { type Path, parsePath, parseSpecialPath } from './path.ts';
import type { Client, StoreState } from './state.ts';
import { MAX_TRANSACTION_BYTES, Transaction } from './transactions.ts';
import { type Change, find, listing, missing, type Node } from './tree.ts';
import type { Firing, Watch } from './watches.ts';

/** What an operation comes to: the answer's payload and the watches that fire behind it, or the name of an error. */
export type Outcome =
  | { readonly type: 'ok'; readonly payload: Buffer | string; readonly firings: readonly Firing<Client>[] }
  | { readonly type: 'error'; readonly errno: Errno };

/** Names that clients know: xen/io/xs_wire.h. */
export type Errno = 'EINVAL' | 'ENOENT' | 'EEXIST' | 'EBUSY' | 'EAGAIN' | 'E2BIG' | 'ENOSPC' | 'ENOSYS';

/** A request, taken apart as its operation needs it. */
interface Request {
  readonly state: StoreState;
  readonly client: Client;
  /** The transaction that it belongs to, if it does to one. */
  readonly transaction: Transaction | undefined;
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

/** Does what a client asks for. */
export function perform(
  state: StoreState,
  client: Client,
  name: OperationName,
  transactionId: number,
  payload: Buffer,
): Outcome {
  const transaction = client.transactions.get(transactionId);
  if (transactionId !== 0 && transaction === undefined) return fail('ENOENT');
  // What it has read and changed is remembered until its end: at some size there is nothing left to it but that.
  const full = transaction !== undefined && transaction.heldBytes > MAX_TRANSACTION_BYTES;
  if (full && name !== 'TRANSACTION_END') return fail('ENOSPC');
  return OPERATIONS[name]({ state, client, transaction, transactionId, payload });
}

/** Every operation, and the function that does it: Xen's docs/misc/xenstore.txt. */
const OPERATIONS: Readonly<Record<OperationName, (request: Request) => Outcome>> = {
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

/** A node that is asked for, by the first string of the payload. */
function withNode(request: Request, use: (node: Node, path: Path) => Outcome): Outcome {
  const [given] = stringsOf(request) ?? [];
  const path = given === undefined ? undefined : parsePath(given);
  if (path === undefined) return fail('EINVAL');
  const node = read(request, path);
  return node === undefined ? fail('ENOENT') : use(node, path);
}

/** The node, as the transaction sees it if there is one. */
const read = ({ state, transaction }: Request, path: Path): Node | undefined =>
  transaction === undefined ? find(state.root, path) : transaction.read(path);

function doDirectory(request: Request): Outcome {
  return withNode(request, (node) => {
    const names = listing(node);
    return names.length > MAX_PAYLOAD ? fail('E2BIG') : ok(names);
  });
}

function doDirectoryPart(request: Request): Outcome {
  return withNode(request, (node) => {
    const digits = stringsOf(request)?.[1] ?? '';
    const offset = Number(digits);
    const names = listing(node);
    if (!/^[0-9]{1,10}$/.test(digits) || offset > names.length) return fail('EINVAL');
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
function change({ state, transaction }: Request, wanted: Change): Outcome {
  const { root } = transaction ?? state;
  if (root.size + created(root, wanted) > state.limits.embeddedMaxNodes) return fail('ENOSPC');
  if (transaction === undefined) return ok(OK, state.change(wanted));
  transaction.change(wanted, state.nextGeneration());
  return ok(OK);
}

/** How many nodes a change adds. */
const created = (root: Node, { type, path }: Change): number =>
  type === 'write' || type === 'make' ? missing(root, path) : 0;

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
  return read(request, path) !== undefined ? ok(OK) : change(request, { type: 'make', path });
}

function doRm(request: Request): Outcome {
  const path = parsePath(stringsOf(request)?.[0] ?? '');
  if (path === undefined || path.names.length === 0) return fail('EINVAL');
  if (read(request, path) !== undefined) return change(request, { type: 'remove', path });
  // What is not there is as good as removed, as long as there is a place where it could be.
  const parent = parsePath(path.text.slice(0, path.text.lastIndexOf('/')) || '/');
  return parent !== undefined && read(request, parent) !== undefined ? ok(OK) : fail('ENOENT');
}

const PERMISSION = /^[nrwb][0-9]{1,5}$/;

function doSetPerms(request: Request): Outcome {
  const [, ...permissions] = stringsOf(request) ?? [];
  if (permissions.length === 0 || !permissions.every((entry) => PERMISSION.test(entry)))
    return fail('EINVAL');
  return withNode(request, (_node, path) => change(request, { type: 'permit', path, permissions }));
}

function doWatch(request: Request): Outcome {
  const { state, client } = request;
  const [given, token, ...more] = stringsOf(request) ?? [];
  if (given === undefined || token === undefined || more.length > 0) return fail('EINVAL');
  const path = parseSpecialPath(given) ?? parsePath(given);
  if (path === undefined) return fail('EINVAL');
  const key = `${given}\0${token}`;
  if (client.watches.has(key)) return fail('EEXIST');
  if (client.watches.size >= state.limits.embeddedMaxWatches) return fail('E2BIG');
  const watch: Watch<Client> = { owner: client, path, given, token };
  client.watches.set(key, watch);
  state.watches.add(watch);
  return ok(OK, [{ watch, path: given }]);
}

function doUnwatch(request: Request): Outcome {
  const { state, client } = request;
  const [given, token] = stringsOf(request) ?? [];
  if (given === undefined || token === undefined) return fail('EINVAL');
  const key = `${given}\0${token}`;
  const watch = client.watches.get(key);
  if (watch === undefined) return fail('ENOENT');
  client.watches.delete(key);
  state.watches.delete(watch);
  return ok(OK);
}

/** The client begins anew: its transactions go with its watches. */
function doResetWatches({ state, client }: Request): Outcome {
  for (const watch of client.watches.values()) state.watches.delete(watch);
  client.watches.clear();
  client.transactions.clear();
  return ok(OK);
}

function doTransactionStart({ state, client, transaction }: Request): Outcome {
  if (transaction !== undefined) return fail('EBUSY');
  if (client.transactions.size >= state.limits.embeddedMaxTransactions) return fail('ENOSPC');
  const id = freeTransactionId(client);
  client.transactions.set(id, new Transaction(state.root));
  return ok(`${id}\0`);
}

/** Ids are of 32 bits; one that was given back is not given out soon. */
function freeTransactionId(client: Client): number {
  do client.lastTransactionId = (client.lastTransactionId % MAX_TRANSACTION_ID) + 1;
  while (client.transactions.has(client.lastTransactionId));
  return client.lastTransactionId;
}

const MAX_TRANSACTION_ID = 0xffff_ffff;

function doTransactionEnd({ state, client, transaction, transactionId, payload }: Request): Outcome {
  if (transaction === undefined) return fail('ENOENT');
  const word = payload.toString('latin1');
  if (word !== 'T\0' && word !== 'F\0') return fail('EINVAL');
  client.transactions.delete(transactionId);
  if (word === 'F\0') return ok(OK);
  if (transaction.conflictsWith(state.root)) return fail('EAGAIN');
  const before = state.root;
  const after = transaction.appliedTo(before, () => state.nextGeneration());
  // Others may have filled the store meanwhile.
  if (after.size > before.size && after.size > state.limits.embeddedMaxNodes) return fail('ENOSPC');
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
