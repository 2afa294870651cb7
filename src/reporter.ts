import type { Logger } from './log.ts';
import { limitRepeats } from './log-limit.ts';

/**
 * Logs what may repeat as often as a client likes: so many lines of one source, and then how many were left out. A source
 * is whatever repeats on its own: a socket and a kind of trouble.
 */
export type Reporter = (
  level: 'info' | 'warn' | 'error',
  source: string,
  fields: object,
  text: string,
) => void;

/** As they are when a line is to be logged. */
interface RepeatSettings {
  readonly maxRepeats: number;
  /** ms */
  readonly repeatInterval: number;
}

/** Gives a reporter for each logger; a source counts its lines wherever they go. `now` is a clock in ms. */
export function createReporters(settings: RepeatSettings, now: () => number): (logger: Logger) => Reporter {
  const repeats = limitRepeats({
    get maxRepeats() {
      return settings.maxRepeats;
    },
    get interval() {
      return settings.repeatInterval;
    },
    now,
  });
  return (logger) => (level, source, fields, text) =>
    repeats.log(source, (leftOut) => logger[level](leftOut === 0 ? fields : { ...fields, leftOut }, text));
}
