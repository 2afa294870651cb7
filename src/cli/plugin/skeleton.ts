import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { PluginKind } from '../../storage/plugins/plugin.ts';
import { nameFault } from '../../storage/plugins/scan.ts';
import { srTypeOf } from '../../storage/xapi-queue.ts';
import { Failure } from '../exit.ts';

/** New plugins: one program each, to which the methods are links. */

const FILES = {
  python: { volume: 'volume.py', datapath: 'datapath.py', written: 'main.py' },
  sh: { volume: 'volume.sh', datapath: 'datapath.sh', written: 'main.sh' },
} as const;

export type Language = keyof typeof FILES;

/** What a program serves: in each language the same. */
const METHODS: Readonly<Record<PluginKind, readonly string[]>> = {
  volume: [
    ...['Plugin.Query', 'SR.create', 'SR.attach', 'SR.detach', 'SR.destroy', 'SR.stat', 'SR.ls'],
    ...['SR.set_name', 'SR.set_description', 'Volume.create', 'Volume.snapshot', 'Volume.clone'],
    ...['Volume.destroy', 'Volume.stat', 'Volume.resize', 'Volume.set_name', 'Volume.set_description'],
    ...['Volume.set', 'Volume.unset'],
  ],
  datapath: [
    ...['Plugin.Query', 'Datapath.open', 'Datapath.attach', 'Datapath.activate'],
    ...['Datapath.deactivate', 'Datapath.detach', 'Datapath.close'],
  ],
};

const EXECUTABLE = 0o755;

/** Writes a plugin below a folder of plugins, and gives its directory. Throws a `Failure` when there is one already. */
export function writeSkeleton(kind: PluginKind, name: string, language: Language, root: string): string {
  const fault = nameFault(kind, name);
  if (fault !== undefined) throw new Failure('usage', `name: ${fault}`);
  const directory = join(resolve(root), kind, name);
  if (existsSync(directory))
    throw new Failure('failed', `${directory} is there already: choose another name`);
  const { [kind]: skeleton, written: file } = FILES[language];
  const text = readFileSync(join(import.meta.dirname, 'skeletons', skeleton), 'utf8')
    .replaceAll('@NAME@', name)
    .replaceAll('@TYPE@', srTypeOf(name) ?? name);
  try {
    mkdirSync(directory, { recursive: true, mode: EXECUTABLE });
    writeFileSync(join(directory, file), text, { mode: EXECUTABLE });
    // Whatever the umask was: nobody else may write it, and it can be executed.
    for (const path of [directory, join(directory, file)]) chmodSync(path, EXECUTABLE);
    for (const method of METHODS[kind]) symlinkSync(file, join(directory, method));
  } catch (error) {
    throw new Failure('failed', error instanceof Error ? error.message : String(error));
  }
  return directory;
}
