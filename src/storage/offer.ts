import type { AnsweredBackend } from './backend-forms.ts';
import { CACHINGS_OF, type Implementation } from './datapath-rules.ts';
import type { Choice } from './datapath-state.ts';
import { smapiv2Error } from './errors.ts';
import type { DiskImplementation } from './types.ts';

/**
 * What a caller may use of a backend. Without a rule it is what the plugin answers, in its order: the toolstack takes the
 * first that it can. With one, what is forbidden is left out, the rest is in the order of the choice, and a block backend
 * is told the caching strategy, if it has it. A backend of another domain than 0 says in which it is.
 */
export function offered(backend: AnsweredBackend, choice: Choice): OfferedBackend {
  const implementations = choice.ruled ? ruled(backend.implementations, choice) : backend.implementations;
  if (implementations.length === 0) {
    const offers = backend.implementations.map(kindOf).join(', ') || 'nothing';
    const text = `the plugin ${choice.plugin} offers ${offers}, and the rules allow ${choice.implementations.join(', ')}`;
    throw smapiv2Error('Backend_error', ['NO_IMPLEMENTATION', [text]], text);
  }
  if (choice.domid === 0) return { ...backend, implementations };
  const uuid = choice.domainUuid ?? backend.domain_uuid;
  return {
    implementations,
    backend_domid: choice.domid,
    ...(uuid === undefined ? {} : { domain_uuid: uuid }),
  };
}

export interface OfferedBackend extends AnsweredBackend {
  /** The domain that hosts the backend, when it is not domain 0. */
  backend_domid?: number;
}

/** The names of what a caller may use, in order; those that the rules have no name for are left out. */
export function kindsOffered(backend: AnsweredBackend, choice: Choice): Implementation[] {
  const implementations = choice.ruled ? ruled(backend.implementations, choice) : backend.implementations;
  return implementations.flatMap((implementation) => kindOf(implementation) ?? []);
}

/** The place of what the choice does not speak of: behind all others. */
const LAST = Number.MAX_SAFE_INTEGER;

function ruled(implementations: readonly DiskImplementation[], choice: Choice): DiskImplementation[] {
  const place = (implementation: DiskImplementation): number | undefined => {
    const kind = kindOf(implementation);
    if (kind === undefined) return LAST;
    const index = choice.implementations.indexOf(kind);
    if (index >= 0) return index;
    return choice.forbidden.includes(kind) ? undefined : LAST;
  };
  return implementations
    .flatMap((implementation) => {
      const at = place(implementation);
      return at === undefined ? [] : [{ at, implementation }];
    })
    .sort((a, b) => a.at - b.at)
    .map(({ implementation }) => withCaching(implementation, choice));
}

/** Its name in the rules; nothing for a backend that is none of ours. */
function kindOf(implementation: DiskImplementation): Implementation | undefined {
  switch (implementation[0]) {
    case 'XenDisk':
      return BACKENDS[implementation[1].backend_type];
    case 'Nbd':
      return 'nbd';
    case 'BlockDevice':
      return 'block';
    case 'File':
      return 'file';
  }
}

const BACKENDS: Readonly<Partial<Record<string, Implementation>>> = {
  vbd: 'vbd',
  vbd3: 'vbd3',
  qdisk: 'qdisk',
};

/** The key below `sm-data` of the backend in which the caching strategy stands. */
const CACHING_KEY = 'caching';

function withCaching(implementation: DiskImplementation, { caching }: Choice): DiskImplementation {
  const kind = kindOf(implementation);
  if (implementation[0] !== 'XenDisk' || kind === undefined) return implementation;
  if (!CACHINGS_OF[kind].includes(caching)) return implementation;
  const [tag, disk] = implementation;
  return [tag, { ...disk, extra: { ...disk.extra, [CACHING_KEY]: caching } }];
}
