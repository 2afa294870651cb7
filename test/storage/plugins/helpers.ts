import assert from 'node:assert/strict';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { ScriptOutcome } from '../../../src/storage/plugins/outcome.ts';
import type { Plugin } from '../../../src/storage/plugins/plugin.ts';
import {
  type PluginChange,
  type Registry,
  type RegistryOptions,
  startRegistry,
} from '../../../src/storage/plugins/registry.ts';
import type { PluginSettings } from '../../../src/storage/plugins/settings.ts';
import { PYTHON, QUERY as QUERY_RESULT, VOLUME, writeProgram } from '../../helpers/plugins.ts';
import { tempDirectory } from '../../helpers/temp.ts';

/** Plugins with real scripts in a folder of the test's own, and a registry on them. */

export const HOUR = 3_600_000;

/** Nothing comes by itself: a test sets what it is about. */
export const SETTINGS: Omit<PluginSettings, 'root'> = {
  environment: ['PATH'],
  timeout: HOUR,
  timeouts: [],
  queryTimeout: HOUR,
  slowAfter: HOUR,
  killGrace: 10,
  maxRunning: 32,
  maxRunningPerPlugin: 16,
  maxOutputBytes: 1_000_000,
  maxLoggedBytes: 100_000,
  maxFiles: 1000,
  workers: 2,
  settle: 5,
  rescanInterval: HOUR,
};

/** What a plugin of these tests says of itself. */
export const QUERY = { ...QUERY_RESULT, plugin: 'mine', name: 'mine' };

export const shell = (body: string): string => `#!/bin/sh\n${body}\n`;
export const python = (body: string): string => `#!${PYTHON}\n${body}\n`;
export const printing = (answer: unknown): string =>
  shell(`cat > /dev/null\ncat <<'END'\n${JSON.stringify(answer)}\nEND`);

export interface Logged {
  readonly level: 'debug' | 'info' | 'warn';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface Plugins {
  readonly root: string;
  readonly logged: Logged[];
  /** Settles when such a line is logged, or was. */
  logs(wanted: (line: Logged) => boolean): Promise<Logged>;
  /** Writes a plugin with its `Plugin.Query` and these files, of mode 755; the whole comes at once. */
  write(path: string, files: Readonly<Record<string, string>>, query?: object): string;
  start(settings?: Partial<PluginSettings>, options?: Partial<RegistryOptions>): Registry;
}

export function preparePlugins(t: TestContext): Plugins {
  const directory = tempDirectory(t);
  const root = join(directory, 'root');
  const logged: Logged[] = [];
  const waiting = new Set<() => void>();
  const take =
    (level: Logged['level']) =>
    (fields: object, text: string): void => {
      logged.push({ level, fields: { ...fields }, text });
      for (const look of waiting) look();
    };
  return {
    root,
    logged,
    logs: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = logged.find(wanted);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    write: (path, files, query = {}) => {
      const made = join(directory, 'made');
      mkdirSync(made);
      const all = { 'Plugin.Query': printing({ ...QUERY, ...query }), ...files };
      for (const [name, text] of Object.entries(all)) writeProgram(join(made, name), text);
      const place = join(root, path);
      mkdirSync(join(place, '..'), { recursive: true });
      renameSync(made, place);
      return place;
    },
    start: (settings = {}, options = {}) => {
      const registry = startRegistry({
        settings: { ...SETTINGS, root, ...settings },
        maxDepth: 64,
        environment: process.env,
        log: { debug: take('debug'), info: take('info'), warn: take('warn') },
        now: () => performance.now(),
        ...options,
      });
      t.after(() => registry.stop(0));
      return registry;
    },
  };
}

/** A registry with one volume plugin of these files. */
export async function onePlugin(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  settings: Partial<PluginSettings> = {},
  query: object = {},
): Promise<{ plugins: Plugins; registry: Registry; plugin: Plugin; directory: string }> {
  const plugins = preparePlugins(t);
  const directory = plugins.write(`volume/${VOLUME}`, files, query);
  const registry = plugins.start(settings);
  await registry.ready;
  return { plugins, registry, plugin: registered(registry), directory };
}

export function registered(registry: Registry, name = VOLUME): Plugin {
  const plugin = registry.get('volume', name);
  assert.ok(plugin, JSON.stringify(registry.all().map(({ refused }) => refused)));
  return plugin;
}

/** The result of a script of the plugin that is registered now. */
export const call = async (registry: Registry, method: string): Promise<OutcomeOf<'result'>['value']> =>
  asResult(await registered(registry).call(method, {}));

/** Settles when a script has made the file. */
export async function untilThere(path: string): Promise<void> {
  while (!existsSync(path)) await pause(5);
}

/** Settles with the next change that is wanted. */
export function change(registry: Registry, wanted: (change: PluginChange) => boolean): Promise<PluginChange> {
  return new Promise((resolve) => {
    const off = registry.onChange((came) => {
      if (!wanted(came)) return;
      off();
      resolve(came);
    });
  });
}

/** A change of this type. */
export const nextChange = (registry: Registry, type: PluginChange['type']): Promise<PluginChange> =>
  change(registry, (came) => came.type === type);

export type OutcomeOf<Type extends ScriptOutcome['type']> = Extract<ScriptOutcome, { readonly type: Type }>;

export function asResult(outcome: ScriptOutcome): OutcomeOf<'result'>['value'] {
  if (outcome.type !== 'result') assert.fail(inspect(outcome));
  return outcome.value;
}

export function asFailed(outcome: ScriptOutcome): OutcomeOf<'failed'> {
  if (outcome.type !== 'failed') assert.fail(inspect(outcome));
  return outcome;
}
