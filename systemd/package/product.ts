import type { Architecture } from './runtime.ts';

/** What a package is made of one tree for. */
export interface Product {
  readonly version: string;
  readonly architecture: Architecture;
  /** The time that all in it has, in seconds of Unix: the same source makes the same bytes. */
  readonly seconds: number;
  /** Who has made it: a name and an address. */
  readonly maintainer: string;
  readonly compression: 'small' | 'fast';
}
