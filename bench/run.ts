import { availableParallelism, loadavg } from 'node:os';
import { Command, Option } from 'commander';
import { type Figure, type Row, verdict } from './figure.ts';
import { change } from './figures/change.ts';
import { memory } from './figures/memory.ts';
import { packaged } from './figures/package.ts';
import { http, jsonLines, messagePack } from './figures/rates.ts';
import { start } from './figures/start.ts';
import { storageActivate, storageWorker } from './figures/storage-activate.ts';
import { storageDisks } from './figures/storage-disks.ts';
import { storageMemory } from './figures/storage-memory.ts';
import { storageSelection } from './figures/storage-selection.ts';
import { switchCompaction } from './figures/switch-compaction.ts';
import { switchDurable } from './figures/switch-durable.ts';
import { switchHttp } from './figures/switch-http.ts';
import { switchMemory } from './figures/switch-memory.ts';
import { switchPush } from './figures/switch-push.ts';
import { switchStart } from './figures/switch-start.ts';
import { switchWaiting } from './figures/switch-waiting.ts';
import { synchronisation } from './figures/synchronisation.ts';
import { renderTable } from './table.ts';

const FIGURES: readonly Figure[] = [
  jsonLines,
  http,
  messagePack,
  change,
  synchronisation,
  memory,
  start,
  packaged,
  switchHttp,
  switchWaiting,
  switchPush,
  switchCompaction,
  switchDurable,
  switchStart,
  switchMemory,
  storageActivate,
  storageWorker,
  storageDisks,
  storageSelection,
  storageMemory,
];

interface Options {
  readonly json?: boolean;
  readonly only?: string;
}

const command = new Command('npm run bench --')
  .description(
    'Measures the daemon beside peers, in turn with them in the same run: what is compared is the ratio, so that it ' +
      'holds on any machine. Rates are compared by the server’s CPU time a call; the wall rate stands beside it. ' +
      'Takes a few minutes. The status is 0 whether targets are reached or missed.',
  )
  .option('--json', 'print the rows as JSON instead of a table')
  .addOption(new Option('--only <name>', 'measure one figure').choices(FIGURES.map(({ name }) => name)))
  .parse();
const { json = false, only } = command.opts<Options>();

// So that what was started ends, and what was made is removed, when this is interrupted.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

// A server that waits for its turn finds several requests at once: its time a call falls, that of a bare one most.
const [load = 0] = loadavg();
if (load > availableParallelism() / 2) {
  say(`other programs are busy here (load average ${load.toFixed(1)}): the ratios will be off`);
}

const rows: Row[] = [];
for (const figure of FIGURES.filter(({ name }) => only === undefined || name === only)) {
  rows.push(...(await figure.measure(say)));
}
const data = rows.map((row) => ({ ...row, verdict: verdict(row) }));
process.stdout.write(`${json ? JSON.stringify(data, null, 2) : renderTable(rows)}\n`);
