import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';

const BOOT = join(import.meta.dirname, 'systemd/boot.sh');
const PROJECT = join(import.meta.dirname, '../..');
/** Only root can boot a systemd: others test the daemon with a service manager of the test's own. */
const IS_ROOT = process.getuid?.() === 0;

const ANSWERS = '/run/datapathd/org.xen.xapi.datapath';
/** Words of the scripts. */
const WORDS = `
show() { for name; do systemctl show -P "$name" datapathd; done; }
ask() { echo '{"method":"Plugin.Query","params":[{"dbg":"me"}],"id":1}' | socat -t30 - UNIX-CONNECT:${ANSWERS} | grep -o '"name":"datapathd"'; }
# Without a xenstored, none is waited for.
mkdir -p /etc/datapathd
echo 'xenstore.startTimeout = "10ms"' > /etc/datapathd/datapathd.toml
`;

/** Runs lines of shell where a systemd is PID 1; gives what they wrote. A line that fails is the last. */
async function underSystemd(t: TestContext, lines: string): Promise<string[]> {
  const folder = tempDirectory(t);
  writeFileSync(join(folder, 'script'), `${WORDS}${lines}`);
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--cgroup', '--uts', '--ipc', '--net'];
  const words = [...namespaces, 'sh', BOOT, folder, PROJECT, process.execPath, '/test/script'];
  const { stdout, stderr } = await runProgram(t, 'unshare', words);
  const log = readFileSync(join(folder, 'log'), 'utf8');
  assert.notEqual(log, '', stdout + stderr);
  return log.trimEnd().split('\n');
}

if (IS_ROOT) {
  test('systemd starts it, knows when it is ready and what it does, reloads and stops it', async (t) => {
    const lines = await underSystemd(
      t,
      `systemctl start datapathd
show ActiveState StatusText
ask
echo 'log.level = "debug"' >> /etc/datapathd/datapathd.toml
systemctl reload datapathd
ask
# A call's line is an entry with fields as soon as the call is answered.
journalctl --sync
journalctl --quiet --no-pager -o cat --output-fields=QUEUE METHOD=Plugin.Query
systemctl stop datapathd
show ActiveState Result
`,
    );
    assert.deepEqual(lines, [
      'active',
      'switches messages, serves 1 queue, 0 SRs attached, 0 plugins, waits for xenstore',
      '"name":"datapathd"',
      '"name":"datapathd"',
      'org.xen.xapi.datapath',
      'inactive',
      'success',
    ]);
  });

  test('a client starts it by its socket, also after a stop, and the socket outlives a restart', async (t) => {
    const lines = await underSystemd(
      t,
      `systemctl start datapathd.socket
show ActiveState
ask
systemctl restart datapathd
ask
# It says that the socket still can start it.
systemctl stop datapathd 2> /dev/null
show ActiveState
ask
`,
    );
    const answer = '"name":"datapathd"';
    assert.deepEqual(lines, ['inactive', answer, answer, 'inactive', answer]);
  });

  test('one that hangs is ended and started again', async (t) => {
    const lines = await underSystemd(
      t,
      `mkdir /run/systemd/system/datapathd.service.d
printf '[Service]\\nWatchdogSec=1\\nLimitCORE=0\\n' > /run/systemd/system/datapathd.service.d/soon.conf
systemctl daemon-reload
systemctl start datapathd
pid=$(show MainPID)
kill -STOP "$pid"
tail --pid="$pid" -f /dev/null
until [ "$(show NRestarts ActiveState | tr '\\n' ' ')" = '1 active ' ]; do :; done
ask
`,
    );
    assert.deepEqual(lines, ['"name":"datapathd"']);
  });

  test('a switch alone works in its shut unit', async (t) => {
    const lines = await underSystemd(
      t,
      `mkdir /etc/systemd/system/datapathd.service.d
cp "$PROJECT/systemd/datapathd.service.d/pure-switch.conf" /etc/systemd/system/datapathd.service.d/
systemctl daemon-reload
systemctl start datapathd
show ActiveState StatusText
grep CapEff "/proc/$(show MainPID)/status"
printf 'GET /login/me HTTP/1.1\\r\\n\\r\\nGET /persistent/mine HTTP/1.1\\r\\n\\r\\n' | socat -t30 - UNIX-CONNECT:/run/datapathd/switch.sock | grep -ao '^HTTP/1.1 ...'
systemctl restart datapathd
show ActiveState
`,
    );
    assert.deepEqual(lines, [
      'active',
      'switches messages',
      'CapEff:\t0000000000000000',
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'active',
    ]);
  });
}
