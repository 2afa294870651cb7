import { type TestContext, test } from 'node:test';
import { onHost } from './host.ts';
import { RUN_LINES } from './prose.ts';
import { LINES, ON_HOST } from './runs.ts';
import { assertAsShown, type Command, commandOf, commandsOf, nameOf, withBefore } from './steps.ts';

/** Only root can boot a systemd: for others, the commands of a host are read and not run. */
const IS_ROOT = process.getuid?.() === 0;

if (IS_ROOT) {
  for (const run of ON_HOST) {
    test(`what ${nameOf(run)} says of a host works there`, (t) => runThere(t, commandsOf(run)));
  }

  test('the commands that stand in the lines of the pages work on a host', (t) => {
    const commands = RUN_LINES.map((span) => commandOf(span, span.text, LINES.ways));
    return runThere(t, withBefore(LINES.before, commands));
  });
}

async function runThere(t: TestContext, commands: readonly Command[]): Promise<void> {
  const outcomes = await onHost(
    t,
    commands.map(({ step }) => step),
  );
  for (const [index, command] of commands.entries()) {
    await t.test(command.name, () => assertAsShown(command, outcomes[index]));
  }
}
