import { HOME, isRelative, type Path } from './path.ts';
import type { Effect } from './transactions.ts';
import { find, type Node } from './tree.ts';

/** A wish to be told when something changes at or below a path. */
export interface Watch<Owner> {
  readonly owner: Owner;
  readonly path: Path;
  /** As the client wrote it, which is how it is told of. */
  readonly given: string;
  readonly token: string;
}

/** Watches that fire, with the path that they are told. */
export interface Firing<Owner> {
  readonly watch: Watch<Owner>;
  readonly path: string;
}

interface Place<Owner> {
  readonly watches: Set<Watch<Owner>>;
  readonly below: Map<string, Place<Owner>>;
}

const newPlace = <Owner>(): Place<Owner> => ({ watches: new Set(), below: new Map() });

/** All watches, by the names in their paths: a change finds those that it concerns on the way to its node. */
export class Watches<Owner> {
  readonly #top: Place<Owner> = newPlace();

  add(watch: Watch<Owner>): void {
    let place = this.#top;
    for (const name of watch.path.names) {
      let next = place.below.get(name);
      if (next === undefined) {
        next = newPlace();
        place.below.set(name, next);
      }
      place = next;
    }
    place.watches.add(watch);
  }

  /** Takes the watch away, and the places that nobody watches any more. */
  delete(watch: Watch<Owner>): void {
    const places = [...this.#along(watch.path)];
    places.at(-1)?.watches.delete(watch);
    for (let depth = watch.path.names.length; depth > 0; depth -= 1) {
      const place = places[depth];
      const name = watch.path.names[depth - 1];
      if (place === undefined || name === undefined || place.watches.size + place.below.size > 0) return;
      places[depth - 1]?.below.delete(name);
    }
  }

  /**
   * The watches that an effect fires: those at its node and above are told the node's path. When a node went, those
   * below it are told their own, if it existed in the tree `before`.
   */
  *firedBy({ type, path }: Effect, before: Node): Generator<Firing<Owner>> {
    let last: Place<Owner> | undefined;
    let depth = 0;
    for (const place of this.#along(path)) {
      for (const watch of place.watches) yield { watch, path: relativeTo(watch, path.text) };
      if (depth === path.names.length) last = place;
      depth += 1;
    }
    const gone = type === 'removed' && last !== undefined ? find(before, path) : undefined;
    if (last === undefined || gone === undefined) return;
    for (const place of last.below.values()) yield* this.#within(place, before);
  }

  /** The watches of exactly this path. */
  *at(path: Path): Generator<Firing<Owner>> {
    const place = [...this.#along(path)][path.names.length];
    for (const watch of place?.watches ?? []) yield { watch, path: watch.given };
  }

  *#within(place: Place<Owner>, before: Node): Generator<Firing<Owner>> {
    for (const watch of place.watches) {
      if (find(before, watch.path) === undefined) return;
      yield { watch, path: watch.given };
    }
    for (const next of place.below.values()) yield* this.#within(next, before);
  }

  /** The places from the top down to the path, or as far as someone watches. */
  *#along(path: Path): Generator<Place<Owner>> {
    let place: Place<Owner> | undefined = this.#top;
    yield place;
    for (const name of path.names) {
      place = place.below.get(name);
      if (place === undefined) return;
      yield place;
    }
  }
}

/** A watch of a relative path is told of relative paths. */
const relativeTo = <Owner>(watch: Watch<Owner>, path: string): string =>
  isRelative(watch.given) ? path.slice(HOME.length) : path;
