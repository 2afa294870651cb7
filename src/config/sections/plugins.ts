import type { Section } from '../setting.ts';

/** The host of plugin scripts. */
export const PLUGINS = {
  root: {
    doc: 'The folder of the plugins: volume/<queue name>/ and datapath/<URI scheme>/ in it are one each.',
    format: 'path',
    default: '/usr/libexec/xapi-storage-script',
  },
  environment: {
    doc: "The daemon's own variables that scripts get. LANG and LC_ALL are always C.UTF-8, and PATH always is set.",
    format: 'variables',
    default: ['PATH', 'TZ', 'TMPDIR', 'XENSTORED_PATH'],
  },
  timeout: {
    doc: 'How long a script may take, before its whole process group is ended and the call fails.',
    format: 'duration',
    default: '10min',
  },
  timeouts: {
    doc: 'Other times for some methods. Tables [[plugins.timeouts]] with method, in which * stands for any characters, and after: a duration. The first that matches holds; without one plugins.timeout does.',
    format: 'timeout-rules',
    default: [],
  },
  queryTimeout: {
    doc: 'How long the Plugin.Query may take by which a plugin is registered.',
    format: 'duration',
    default: '30s',
  },
  slowAfter: {
    doc: 'A script that takes longer is warned of in the log, and goes on.',
    format: 'duration',
    default: '30s',
  },
  killGrace: {
    doc: 'How long a process group that is ended has between TERM and KILL.',
    format: 'duration',
    default: '2s',
  },
  maxRunning: {
    doc: 'Scripts that run at the same time. The calls above that wait, in the order in which they came.',
    format: 'count',
    default: 32,
  },
  maxRunningPerPlugin: {
    doc: 'Scripts of one plugin that run at the same time. Below plugins.maxRunning, so that a plugin that hangs leaves places to the others.',
    format: 'count',
    default: 16,
  },
  maxOutputBytes: {
    doc: 'The largest answer of a script. One that prints more is ended.',
    format: 'size',
    default: '64MiB',
  },
  maxLoggedBytes: {
    doc: 'What is logged at most of what a script writes on its stderr in one call.',
    format: 'size',
    default: '256KiB',
  },
  maxFiles: {
    doc: "Files in a plugin's directory and below it. One that has more is refused.",
    format: 'count',
    default: 1000,
  },
  workers: {
    doc: 'Processes of one plugin that lists the feature PERSISTENT_WORKER: as many calls are served at the same time.',
    format: 'count',
    default: 4,
  },
  settle: {
    doc: "How long a plugin's directory must stay as it is until a change in it is taken for whole.",
    format: 'duration',
    default: '200ms',
  },
  rescanInterval: {
    doc: 'The time between two looks at all plugins, for changes of which the system did not tell; plugins that failed are asked again then.',
    format: 'duration',
    default: '30s',
  },
} as const satisfies Section;
