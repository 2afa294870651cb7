import Type, { type Static, type TSchema } from 'typebox';
import { Dbg } from './types.ts';

/** What the daemon's own interface tells of its work: the levels of the log, and where the time of calls went. */

const text = (description: string) => Type.String({ description });
const number = (description: string) => Type.Number({ description });
const maybe = <T extends TSchema>(schema: T) => Type.Optional(schema);

export const LevelReport = Type.Object({
  subsystem: text('The part of the daemon'),
  level: text('What of it is logged now'),
  configured: text('What the settings say'),
  until: maybe(text('When it is that again; absent: not before a restart or a reload')),
});
export type LevelReport = Static<typeof LevelReport>;

export const LogChange = Type.Object({
  dbg: Dbg,
  subsystem: maybe(Type.String({ description: 'The part of the daemon; absent: all', examples: ['rpc'] })),
  level: maybe(
    Type.String({
      description: 'What is to be logged of it; absent: what the settings say',
      examples: ['debug'],
    }),
  ),
  seconds: maybe(
    Type.Number({
      description: 'After which time it is again what the settings say; absent: after a restart or a reload',
      examples: [600],
    }),
  ),
});
export type LogChange = Static<typeof LogChange>;

/** What a call did, or waited for. */
export const STEPS = ['queue', 'disk', 'choice', 'plugin', 'script', 'driver-domain', 'answer'] as const;

const StepReport = Type.Object({
  what: Type.Enum([...STEPS], {
    description:
      'queue, disk, plugin: it waited there; choice: a datapath was chosen; script, driver-domain: that was asked; answer: the reply was sent',
  }),
  after: number('ms from the beginning of the call'),
  milliseconds: number('How long it took'),
  plugin: maybe(text('The plugin')),
  method: maybe(text('The method that was asked')),
  error: maybe(text('How it failed')),
});
export type StepReport = Static<typeof StepReport>;

export const CallReport = Type.Object({
  number: Type.Integer({ description: 'From 1, in the order in which calls ended' }),
  at: text('When it began, as in 2026-11-27T19:51:42.000Z'),
  queue: text('The queue'),
  method: text('The method'),
  sr: maybe(text('The SR')),
  vdi: maybe(text('The disk')),
  message: maybe(
    text('The message of the switch, as queue.number; absent: it came over the socket of the queue'),
  ),
  trace_id: maybe(text('The trace that the caller gave')),
  milliseconds: number('How long it took, with its waits'),
  error: maybe(text('The name of the error that was answered')),
  steps: Type.Array(StepReport, { description: 'In the order in which they ended' }),
  left_out: Type.Integer({ description: 'Steps that were too many: traces.maxSteps' }),
});
export type CallReport = Static<typeof CallReport>;
