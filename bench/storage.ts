import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectSwitchClient, type SwitchPushClient } from '../src/switch/client.ts';
import { type CallOutcome, openPushCaller } from '../src/switch/client-calls.ts';
import { DAEMON, queueSocket } from './daemon.ts';
import { benchDirectory, type Server, startServer } from './processes.ts';
import { uuidOf } from './store.ts';

/** A daemon with a volume plugin and a datapath plugin that do nothing but answer, in Python. */

const TYPE = 'bench';
export const VOLUME_QUEUE = `org.xen.xapi.storage.${TYPE}`;
export const SR = uuidOf(1);

/** The interpreter itself: what is found as python3 may be a wrapper that takes longer to start than Python does. */
const PYTHON = execFileSync('python3', ['-c', 'import sys; print(sys.executable)']).toString().trim();

const SCRIPT = `#!${PYTHON}
import json, os, sys, time
def volume(params):
    key = params["key"]
    return {"key": key, "name": key, "description": "", "read_write": True, "sharable": False, "virtual_size": 1,
            "physical_utilisation": 1, "uri": ["${TYPE}://" + key], "keys": {}}
def attach(params):
    time.sleep(PAUSE)
    return {"implementations": [["XenDisk", {"params": params["uri"], "extra": {}, "backend_type": "vbd3"}]]}
METHODS = {
    "Plugin.Query": lambda params: {"plugin": "${TYPE}", "name": "b", "description": "", "vendor": "", "copyright": "",
        "version": "1", "required_api_version": "5.0", "features": FEATURES, "configuration": {},
        "required_cluster_stack": []},
    "SR.attach": lambda params: params["configuration"]["sr"],
    "SR.stat": lambda params: {"sr": params["sr"], "name": "", "description": "", "free_space": 1, "total_space": 1,
        "datasources": [], "clustered": False, "health": ["Healthy", ""]},
    "Volume.stat": volume,
    "Datapath.attach": attach,
}
def answer(method, params):
    return METHODS.get(method, lambda params: None)(params)
if sys.argv[1:] == ["--json-lines"]:
    for line in sys.stdin:
        call = json.loads(line)
        print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": answer(call["method"], call["params"])}), flush=True)
else:
    print(json.dumps(answer(os.path.basename(sys.argv[0]), json.load(sys.stdin))))
`;

const VOLUME_METHODS = ['Plugin.Query', 'SR.attach', 'SR.detach', 'SR.stat', 'Volume.stat'];
const DATAPATH_METHODS = ['attach', 'activate', 'deactivate', 'detach'].map((step) => `Datapath.${step}`);

export interface StorageOptions {
  /** Calls are served by processes that stay. */
  readonly workers?: boolean;
  /** Seconds that an attach takes. */
  readonly pause?: number;
  readonly sync?: 'always' | 'never';
  readonly words?: readonly string[];
}

export interface BenchStorage {
  readonly server: Server;
  /** The path of the script that activates a disk. */
  readonly activateScript: string;
  /** Calls a method of the volume plugin's queue through the switch; throws when it fails. */
  call(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a daemon whose plugins are registered, with one SR attached. */
export async function startStorage(options: StorageOptions = {}): Promise<BenchStorage> {
  const { workers = false, pause = 0, sync = 'always', words = [] } = options;
  const directory = benchDirectory();
  const root = join(directory, 'plugins');
  const features = workers ? ['PERSISTENT_WORKER'] : [];
  const script = SCRIPT.replace('FEATURES', JSON.stringify(features)).replace('PAUSE', `${pause}`);
  writePlugin(join(root, 'volume', VOLUME_QUEUE), script, VOLUME_METHODS);
  writePlugin(join(root, 'datapath', TYPE), script, ['Plugin.Query', ...DATAPATH_METHODS]);
  const server = await startServer(DAEMON, queueSocket(directory), [
    `--sockets.directory=${directory}`,
    `--switch.stateDirectory=${join(directory, 'state')}`,
    `--plugins.root=${root}`,
    `--journal.sync=${sync}`,
    '--xenstore.mode=embedded',
    '--log.level=warn',
    ...words,
  ]);
  const client = await connectSwitchClient({ path: join(directory, 'switch.sock') });
  const call = await callerOn(client);
  await call('SR.attach', { sr: SR, device_config: { sr: SR } });
  return {
    server,
    activateScript: join(root, 'datapath', TYPE, 'Datapath.activate'),
    call,
    stop: async () => {
      client.close();
      await server.stop();
    },
  };
}

function writePlugin(directory: string, script: string, methods: readonly string[]): void {
  mkdirSync(directory, { recursive: true });
  const program = join(directory, 'worker');
  writeFileSync(program, script);
  chmodSync(program, 0o755);
  for (const method of methods) symlinkSync('worker', join(directory, method));
}

/** A disk in use under the name of a datapath. */
export const useOf = (number: number): Readonly<Record<string, unknown>> => ({
  sr: SR,
  vdi: `disk-${number}`,
  dp: `vbd/${number}/xvda`,
  vm: `${number + 1}`,
});

const TIMEOUT_MS = 120_000;
const RETRY_MS = 5;

/** The queue is there when the plugins have been looked at. */
async function patiently(call: () => Promise<CallOutcome>): Promise<CallOutcome> {
  for (;;) {
    const outcome = await call();
    if (outcome.type !== 'no-such-queue') return outcome;
    await sleep(RETRY_MS);
  }
}

async function callerOn(client: SwitchPushClient): Promise<BenchStorage['call']> {
  await client.login('bench');
  const caller = await openPushCaller(client, 'bench.replies');
  return async (method, params) => {
    const request = JSON.stringify({ method, params: [{ dbg: 'bench', ...params }], id: 1 });
    const outcome = await patiently(() => caller.call(VOLUME_QUEUE, Buffer.from(request), TIMEOUT_MS));
    if (outcome.type !== 'answered') throw new Error(`${method}: ${outcome.type}`);
    const { result, error } = Object(JSON.parse(outcome.answer.toString()));
    if (error !== null) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  };
}
