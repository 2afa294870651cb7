import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Commands as somebody types them one after the other in one terminal: what one sets is there for the next. */

export interface Step {
  /** Lines of shell. */
  readonly text: string;
  /** What goes before, which the page doesn't show; it has to succeed. */
  readonly before?: string;
  /** It doesn't end by itself: when its output matches this, Ctrl-C is pressed. */
  readonly until?: string;
  /** Before that, lines in another terminal: when its output matches `from`. */
  readonly meanwhile?: { readonly from?: string; readonly text: string };
  /** It is left running until all others have ended, in a terminal of its own. */
  readonly stays?: true;
  /** What is looked at behind it: lines that have to succeed. */
  readonly after?: string;
}

export interface Outcome {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
  /** What was wrong with the lines before, meanwhile and after; empty when they succeeded. */
  readonly trouble: string;
}

export interface Terminal {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** A folder for what the terminal remembers. */
  readonly memory: string;
}

/** What has not ended then never will: less than a test may take, as one that stays runs for as long as the others. */
const LONGEST_MS = 280_000;

/** Types the steps, each when the one before has ended. */
export async function typeSteps(steps: readonly Step[], terminal: Terminal): Promise<Outcome[]> {
  const staying: (() => Promise<Outcome>)[] = [];
  const ended: (() => Promise<Outcome>)[] = [];
  for (const step of steps) {
    const end = await typeStep(step, terminal);
    if (step.stays === true) staying.push(end);
    else await end();
    ended.push(end);
  }
  for (const end of staying) await end();
  return Promise.all(ended.map((end) => end()));
}

/** Types one; what is given back ends it. */
async function typeStep(step: Step, terminal: Terminal): Promise<() => Promise<Outcome>> {
  const { before, text, until, meanwhile, after } = step;
  const troubles: string[] = [];
  const unseen = async (lines: string | undefined): Promise<void> => {
    if (lines === undefined) return;
    const { status, stdout, stderr } = await shell(lines, terminal);
    if (status !== 0) troubles.push(`${lines}: ${status}\n${stdout}${stderr}`);
  };
  await unseen(before);
  if (troubles.length > 0)
    return async () => ({ status: '', stdout: '', stderr: '', trouble: troubles.join('\n') });
  const running = begin(text, terminal);
  if (until !== undefined) {
    if (meanwhile?.from !== undefined) await running.printed(meanwhile.from);
    await unseen(meanwhile?.text);
    await running.printed(until);
  }
  let outcome: Promise<Outcome> | undefined;
  const end = async (): Promise<Outcome> => {
    if (until !== undefined) running.interrupt();
    const ended = await running.ended;
    await unseen(after);
    return { ...ended, trouble: troubles.join('\n') };
  };
  return () => {
    outcome ??= end();
    return outcome;
  };
}

const shell = (text: string, terminal: Terminal) => begin(text, terminal).ended;

/** Begins lines in a shell of their own, which goes on where the last one has ended. */
function begin(text: string, { cwd, env, memory }: Terminal) {
  const remembered = join(memory, 'variables');
  const lines = `set -ea\ncd ${quoted(cwd)}\n[ ! -f ${quoted(remembered)} ] || . ${quoted(remembered)}\n${text}\n{ export -p; declare -f; } > ${quoted(remembered)}\n`;
  // Its lines come as they are written, also through a pipe, as on a terminal.
  const child = spawn('stdbuf', ['-oL', 'bash', '-c', lines], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let over = false;
  const signal = (name: NodeJS.Signals): void => {
    if (!over && child.pid !== undefined) process.kill(-child.pid, name);
  };
  const hung = setTimeout(() => signal('SIGKILL'), LONGEST_MS);
  const keep = (put: (chunk: string) => void) => (chunk: string) => {
    put(chunk);
    child.emit('news');
  };
  child.stdout.setEncoding('utf8').on(
    'data',
    keep((chunk) => {
      stdout += chunk;
    }),
  );
  child.stderr.setEncoding('utf8').on(
    'data',
    keep((chunk) => {
      stderr += chunk;
    }),
  );
  const ended = once(child, 'close').then(([status, name]) => {
    over = true;
    clearTimeout(hung);
    child.emit('news');
    return { status: status ?? name, stdout, stderr };
  });
  return {
    ended,
    printed: async (pattern: string): Promise<void> => {
      while (!over && !new RegExp(pattern, 'm').test(stdout + stderr)) await once(child, 'news');
    },
    interrupt: () => signal('SIGINT'),
  };
}

export const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

if (import.meta.main) {
  // In a machine of its own: the folder that the two sides share has the steps, and gets the outcomes.
  const [folder = '.', cwd = '.'] = process.argv.slice(2);
  const steps: Step[] = JSON.parse(readFileSync(join(folder, 'steps.json'), 'utf8'));
  const outcomes = await typeSteps(steps, { cwd, env: process.env, memory: '/root' });
  writeFileSync(join(folder, 'outcomes.json'), JSON.stringify(outcomes));
}
