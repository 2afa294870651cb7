import packageJson from '../package.json' with { type: 'json' };
import { escaped } from '../src/cli/man-page.ts';
import { environmentName, SETTINGS } from '../src/config/schema.ts';
import { unitOf } from '../src/config/setting.ts';
import { DEFAULT_FILE } from '../src/config.ts';

/** The manual pages of the daemon and of its file, in the language of man(7). */

const FLAGS: readonly (readonly [string, string])[] = [
  ['--config FILE', `Read FILE instead of ${DEFAULT_FILE}.`],
  ['--check-config', 'Read and check all settings, and end.'],
  ['--print-config', 'Show each setting with the source that it came from, and end.'],
  ['--section.key=value', 'Set a setting, as those of datapathd.toml(5) are named.'],
  ['--help, --version', 'Say so, and end.'],
];

const SIGNALS: readonly (readonly [string, string])[] = [
  [
    'SIGTERM, SIGINT',
    'Stop in order: what is under way gets shutdown.timeout. The second one ends it at once.',
  ],
  ['SIGHUP', 'Read the settings again, and change what can change while it runs; the log says what can not.'],
];

const STATUSES: readonly (readonly [string, string])[] = [
  ['0', 'It was told to stop.'],
  ['1', 'It could not start, or has failed.'],
  ['2', 'Its words or its settings are wrong.'],
];

/** `datapathd(8)` */
export const renderDaemonManPage = (): string =>
  page('DATAPATHD', 8, 'System Administration', [
    ...name('datapathd', 'message switch and storage interfaces of a Xen host'),
    '.SH SYNOPSIS',
    escaped('datapathd [--config FILE] [--section.key=value]...'),
    '.SH DESCRIPTION',
    escaped(packageJson.description),
    '.PP',
    escaped(
      'It is a service of systemd: systemctl start datapathd starts it, systemctl status datapathd says what it does.',
    ),
    '.SH OPTIONS',
    ...list(FLAGS),
    '.SH SIGNALS',
    ...list(SIGNALS),
    '.SH EXIT STATUS',
    ...list(STATUSES),
    '.SH FILES',
    ...list([
      [DEFAULT_FILE, 'The settings: datapathd.toml(5).'],
      ['/run/datapathd', 'The sockets.'],
      ['/var/lib/datapathd', 'What was accepted and what is attached.'],
      ['/usr/share/doc/datapathd', 'All its pages.'],
    ]),
    '.SH SEE ALSO',
    escaped('datapathctl(1), datapathd.toml(5)'),
  ]);

/** `datapathd.toml(5)` */
export const renderSettingsManPage = (): string =>
  page('DATAPATHD.TOML', 5, 'File Formats', [
    ...name('datapathd.toml', 'settings of datapathd'),
    '.SH SYNOPSIS',
    escaped(DEFAULT_FILE),
    '.SH DESCRIPTION',
    escaped(
      'A setting section.key is key in the table [section] of the file. Later sources win: the file, the environment, flags. ' +
        'Durations read 500ms, 30s, 5min, 1h, or a number of seconds; sizes 64KiB, 16MiB, 1GiB, or a number of bytes.',
    ),
    '.SH SETTINGS',
    ...list(
      SETTINGS.map((named) => {
        const { setting } = named;
        const unit = unitOf(setting);
        const number = unit === undefined ? '' : ` A plain number is in ${unit}.`;
        const value = `Default: ${JSON.stringify(setting.default)}. Environment: ${environmentName(named)}.`;
        return [named.name, `${setting.doc}${number} ${value}`];
      }),
    ),
    '.SH SEE ALSO',
    escaped('datapathd(8), datapathctl(1)'),
  ]);

const page = (title: string, section: number, manual: string, lines: readonly string[]): string =>
  `${[`.TH ${title} ${section} "" "datapathd ${packageJson.version}" "${manual}"`, ...lines].join('\n')}\n`;

const name = (word: string, what: string): string[] => ['.SH NAME', `${escaped(word)} \\- ${escaped(what)}`];

const list = (rows: readonly (readonly [string, string])[]): string[] =>
  rows.flatMap(([word, text]) => ['.TP', `.B ${escaped(word)}`, escaped(text)]);
