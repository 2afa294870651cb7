import { defineCommand } from '../command.ts';
import { refusalText, withConnection } from '../context.ts';
import { Failure } from '../exit.ts';
import { harmless, plural } from '../text.ts';

export const healthCommand = defineCommand({
  name: 'health',
  summary: 'tell whether the daemon is as it should be, or the reasons why it is not',
  details: [
    'It asks GET /healthz, which monitoring may ask as well. The reasons are printed, a line each, and the exit status is 1.',
    'Reasons are: nothing can be written to a journal; the view of xenstore is stale, or not there yet, for longer than health.staleAfter; a plugin is refused, or its queue can not be served; the event loop was late by more than health.maxLoopDelay; the switch is away on which the queues are served.',
  ],
  arguments: {},
  options: {},
  run: (_given, context) =>
    withConnection(context, undefined, async (connection) => {
      const { status, body } = await connection.ask('GET', '/healthz');
      const reasons = reasonsIn(status, body);
      if (context.json) await context.printJson({ healthy: reasons.length === 0, reasons });
      else
        await context.print(
          reasons.length === 0 ? 'ok\n' : reasons.map((line) => `${harmless(line)}\n`).join(''),
        );
      if (reasons.length > 0) throw new Failure('failed', `not healthy: ${plural(reasons.length, 'reason')}`);
    }),
});

/** None: all is well. */
function reasonsIn(status: number, body: Buffer): string[] {
  const lines = body
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  if (status === 200) return [];
  if (status === 503 && lines.length > 0) return lines;
  if (status === 404)
    throw new Failure('failed', 'the switch does not tell its health: it is no datapathd, or an older one');
  throw new Failure('failed', refusalText(status, body));
}
