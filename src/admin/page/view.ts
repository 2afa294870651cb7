import type { Live } from './live.ts';

/** One view of the page: it is made once, and brought up to date while it is shown. */
export type View = (section: Element) => (live: Live) => void;

/** How something is, in a word and a colour. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'calm';
