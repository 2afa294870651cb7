/** What datapathctl ends with; the same for every command, so that scripts can tell the cases apart. */
export const EXITS = {
  done: { code: 0, doc: 'done', meaning: 'It was done. Of call: an answer came, be it an error.' },
  failed: {
    code: 1,
    doc: 'failed',
    meaning: 'The switch refused, it cannot be done, or what was looked at is not as it should be.',
  },
  usage: { code: 2, doc: 'usage', meaning: 'What stands on the command line cannot be understood.' },
  noSuchQueue: { code: 3, doc: 'no such queue', meaning: 'The queue is not there, and was not created.' },
  timedOut: {
    code: 4,
    doc: 'timed out',
    meaning: 'No answer came in time. The request waits on, and may still be carried out.',
  },
  cannotConnect: {
    code: 5,
    doc: 'cannot connect',
    meaning: 'There is no switch at the socket, or it does not answer any more.',
  },
} as const;

export const EXIT_SUMMARY = Object.values(EXITS)
  .map(({ code, doc }) => `${code} ${doc}`)
  .join(', ');

/** The command ends with this exit code, and with this line on standard error. */
export class Failure extends Error {
  readonly code: number;

  constructor(exit: keyof typeof EXITS, line: string) {
    super(line);
    this.code = EXITS[exit].code;
  }
}

export const noSuchQueue = (queue: string): Failure =>
  new Failure('noSuchQueue', `there is no queue ${queue}: datapathctl list --all tells which there are`);
