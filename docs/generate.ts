import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../src/cli/commands.ts';
import { renderManPage } from '../src/cli/man-page.ts';
import { renderDefaultFile, renderReference } from '../src/config.ts';
import { DATAPATH_QUEUE, INTERFACE_PAGES } from './interface-pages.ts';
import { renderCommands } from './render-commands.ts';
import { renderDashboard } from './render-dashboard.ts';
import { renderInterface, renderOverview } from './render-interface.ts';
import { renderDaemonManPage, renderSettingsManPage } from './render-man.ts';
import { renderMetrics } from './render-metrics.ts';

/** The pages and files that come from the code: `npm run docs` writes them, `--check` only compares. */
export const GENERATED: readonly { readonly path: string; readonly render: () => string }[] = [
  { path: 'config/datapathd.toml', render: renderDefaultFile },
  { path: 'docs/configuration.md', render: renderReference },
  { path: 'docs/interface.md', render: () => renderOverview(INTERFACE_PAGES, DATAPATH_QUEUE) },
  ...INTERFACE_PAGES.map((page) => ({ path: page.path, render: () => renderInterface(page) })),
  { path: 'docs/metrics.md', render: renderMetrics },
  { path: 'docs/grafana-dashboard.json', render: renderDashboard },
  { path: 'docs/datapathctl.md', render: () => renderCommands(COMMANDS) },
  { path: 'docs/datapathd.8', render: renderDaemonManPage },
  { path: 'docs/datapathd.toml.5', render: renderSettingsManPage },
  { path: 'docs/datapathctl.1', render: () => renderManPage(COMMANDS) },
];

const project = join(import.meta.dirname, '..');

/** The generated files whose text on the disk is not what the code says. */
export const outOfDate = (): string[] =>
  GENERATED.filter(({ path, render }) => readOrNone(join(project, path)) !== render()).map(
    ({ path }) => path,
  );

function readOrNone(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const stale = outOfDate();
  if (process.argv.includes('--check')) {
    for (const path of stale) console.error(`${path} is not what the code says: npm run docs`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    for (const { path, render } of GENERATED) writeFileSync(join(project, path), render());
    console.log(stale.length === 0 ? 'all pages were up to date' : `written: ${stale.join(', ')}`);
  }
}
