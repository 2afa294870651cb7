import { DATAPATHCTL, LINES, TRACING } from './runs-datapathctl.ts';
import { HOST, LOOKED_AT } from './runs-host.ts';
import type { Step } from './session.ts';

/** Where the commands of the pages are run. Each block of a page is claimed by one run, or is said to run nowhere here. */

/** How a command is run, beyond what the page shows of it. */
export interface Ways extends Omit<Step, 'text'> {
  /** What a reader would put in the place of an example's words. */
  readonly instead?: Readonly<Record<string, string>>;
  /** The exit status; 0 where none is named. */
  readonly status?: number;
}

export interface Claim {
  readonly page: string;
  /** The sections; without them, all. */
  readonly sections?: readonly string[];
  /** Only blocks that begin so. */
  readonly begins?: string;
}

/** Commands that are typed one after the other, in the order of the page, where everything is as `before` makes it. */
export interface Run extends Claim {
  /** Each line is a command of its own. */
  readonly byLine?: true;
  readonly before?: string;
  /** By how a command begins. */
  readonly ways?: Readonly<Record<string, Ways>>;
}

/** In a checkout, as anybody. */
export const IN_CHECKOUT: readonly (Run & {
  /** A daemon runs there already. */
  readonly daemon?: true;
})[] = [
  {
    page: 'README.md',
    sections: ['In a minute', 'Five things to try'],
    ways: {
      'npm ci && npm start': { until: 'socat', stays: true },
      socat: { until: '', meanwhile: { text: LOOKED_AT } },
    },
  },
  { page: 'docs/metrics.md', daemon: true },
  {
    page: 'docs/shipped-plugins.md',
    begins: 'npm start',
    ways: {
      'npm start': {
        until: 'socat',
        meanwhile: {
          from: 'socat',
          text: `npm run --silent datapathctl -- plugin list
[ "$(npm run --silent datapathctl -- plugin list | grep -c registered)" = 2 ]`,
        },
      },
    },
  },
];

/** As root, on a host that runs systemd. */
export const ON_HOST: readonly Run[] = [...HOST, DATAPATHCTL, TRACING];

/** Beside a daemon with the shipped plugins, each block with the JSON and the Python that stand there for the same. */
export const OF_INTERFACES: readonly Claim[] = [
  { page: 'docs/interfaces/datapathd.md' },
  { page: 'docs/interfaces/plugin.md' },
];

/** On a bare Debian, beside the packages: test/package runs them. */
export const ON_DEBIAN: readonly Claim[] = [
  { page: 'README.md', sections: ['On a host'], begins: 'apt install' },
  { page: 'docs/hosts.md', sections: ['Installing', 'Upgrading'] },
];

/** What no test runs, with the reason. */
export const UNRUN: readonly (Claim & { readonly why: string })[] = [
  {
    page: 'README.md',
    begins: 'npm ci && npm test',
    why: 'it is all tests, this one among them: .ci/run runs it',
  },
  {
    page: 'docs/hosts.md',
    sections: ['Building the packages'],
    why: 'test/package makes the packages by what stands behind it, in seconds',
  },
  { page: 'docs/admin.md', begins: 'ssh', why: 'it is for another machine than the host' },
  {
    page: 'CONTRIBUTING.md',
    why: 'they are the tests themselves, and what takes minutes or changes the checkout',
  },
];

export { LINES };

/** Of the commands that stand in lines, those that are not run on a host, by how they begin, with the reason. */
export const UNRUN_LINES: Readonly<Record<string, string>> = {
  'apt ':
    'the tests get what they need by themselves; test/package installs, upgrades and purges the package',
  'dnf ': 'no such host is tested; test/package looks at the package',
  'npm ': 'each is a script of package.json; which of them run here is claimed where they stand in blocks',
  'perf record': 'it measures the machine',
  'qemu-img convert': 'a part of a command',
  'systemd-analyze security --offline=true': 'a part of a command; the scores are tested beside the units',
};
