import { basename } from 'node:path';
import type { BoundedLabel } from './metrics.ts';

interface RefusalCount {
  readonly socket: string;
  readonly protocol: string;
  count: number;
}

/** Counts the requests that could not be read or were not carried out, by the socket that they came to. */
export class RefusalMeter {
  readonly #sockets: BoundedLabel;
  readonly #counts = new Map<string, RefusalCount>();

  constructor(sockets: BoundedLabel) {
    this.#sockets = sockets;
  }

  /** `place`: the socket's path, or the queue that has its name; `protocol`: one of those that are known here. */
  refused(place: string, protocol: string): void {
    const socket = this.#sockets.of(basename(place));
    const key = `${protocol} ${socket}`;
    const counted = this.#counts.get(key) ?? { socket, protocol, count: 0 };
    counted.count += 1;
    this.#counts.set(key, counted);
  }

  get counts(): readonly Readonly<RefusalCount>[] {
    return [...this.#counts.values()];
  }
}
