import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OWN_SYSTEM } from '../helpers/namespaces.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';

const BOOT = join(import.meta.dirname, 'systemd/boot.sh');
const PROJECT = join(import.meta.dirname, '../..');
/** Only root can boot a systemd: others test the daemon with a service manager of the test's own. */
const IS_ROOT = process.getuid?.() === 0;

const ANSWERS = '/run/datapathd/org.xen.xapi.datapath';
const SR = '0a1b2c3d-0000-4000-8000-000000000001';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const VOLUMES = 'org.xen.xapi.storage.test';
/** Words of the scripts. */
const WORDS = `
show() { for name; do systemctl show -P "$name" datapathd; done; }
ask() { echo '{"method":"Plugin.Query","params":[{"dbg":"me"}],"id":1}' | socat -t30 - UNIX-CONNECT:${ANSWERS} | grep -o '"name":"datapathd"'; }
drop_in() {
  mkdir -p /etc/systemd/system/datapathd.service.d
  for name; do cp "$PROJECT/systemd/datapathd.service.d/$name.conf" /etc/systemd/system/datapathd.service.d/; done
  systemctl daemon-reload
}
plugin() {
  scripts=/usr/libexec/xapi-storage-script/volume/${VOLUMES}
  mkdir -p "$scripts"
  install "$PROJECT/test/service/systemd/plugin" "$scripts/"
  for method in Plugin.Query SR.attach SR.stat SR.ls; do ln -s plugin "$scripts/$method"; done
}
attach() {
  echo '{"method":"SR.attach","params":[{"dbg":"me","sr":"${SR}","device_config":{}}],"id":1}' |
    socat -t30 - UNIX-CONNECT:/run/datapathd/${VOLUMES} | grep -o '"error":.*'
}
warnings() { journalctl --sync; journalctl --quiet --no-pager --unit=datapathd --priority=warning --output=cat "$@"; }
# Without a xenstored, none is waited for.
mkdir -p /etc/datapathd
echo 'xenstore = { startTimeout = "10ms", requestTimeout = "10ms" }' > /etc/datapathd/datapathd.toml
`;

/** Runs lines of shell where a systemd is PID 1; gives what they wrote. A line that fails is the last. */
async function underSystemd(t: TestContext, lines: string): Promise<string[]> {
  const folder = tempDirectory(t);
  writeFileSync(join(folder, 'script'), `${WORDS}${lines}`);
  const words = [...OWN_SYSTEM, 'sh', BOOT, folder, PROJECT, process.execPath, '/test/script'];
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

  test('restarts under load leave no request and no caller unanswered, and keep each message once', async (t) => {
    const lines = await underSystemd(
      t,
      `systemctl start datapathd.socket datapathd
python3 "$PROJECT/test/service/systemd/load.py" /run/datapathd load /run/stop > /run/load &
load=$!
for restart in 1 2 3; do
  systemctl restart datapathd
  until datapathctl list --all | grep -q load; do :; done
done
touch /run/stop
wait $load
cat /run/load
printf 'GET / HTTP/1.1\\r\\nconnection: close\\r\\n\\r\\n' | socat -t30 - UNIX-CONNECT:/run/datapathd/switch.sock | grep -o '"payload":"sender[0-9]*:[0-9]*"' > /run/kept
sort -u /run/kept | wc -l
wc -l < /run/kept
`,
    );
    const [senders = '', consumers = '', callers = '', direct = '', faults, different, kept] = lines;
    const sent = senders.replace('senders ', '');
    assert.equal(faults, 'no faults');
    for (const count of [senders, consumers, callers, direct]) assert.match(count, /^[a-z]+ [1-9][0-9]*$/);
    assert.deepEqual([different, kept], [sent, sent]);
  });

  test('one that hangs is ended and started again', async (t) => {
    const lines = await underSystemd(
      t,
      `mkdir /run/systemd/system/datapathd.service.d
printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nWatchdogSec=1\\nLimitCORE=0\\n' > /run/systemd/system/datapathd.service.d/soon.conf
systemctl daemon-reload
systemctl start datapathd
pid=$(show MainPID)
kill -STOP "$pid"
tail --pid="$pid" -f /dev/null
# A machine that is slow may make it hang another time.
until [ "$(show NRestarts)" -ge 1 ] && [ "$(show ActiveState)" = active ]; do :; done
until ask; do :; done
`,
    );
    assert.deepEqual(lines, ['"name":"datapathd"']);
  });

  test('in the unit as it is, without any right, the switch, xenstore and the state are there', async (t) => {
    const lines = await underSystemd(
      t,
      `xenstored="$PROJECT/test/xenstored/run-xenstored"
mkdir /run/xenstored
"$xenstored" --daemon c /run/xenstored > /dev/null 2>&1 &
until "$xenstored" --client /run/xenstored xenstore-ls > /dev/null 2>&1; do :; done
sr=xapi/storage/sr/${SR}
"$xenstored" --client /run/xenstored xenstore-write "$sr/uuid" ${SR} "$sr/plugin" org.xen.xapi.storage.mine
echo 'xenstore.startTimeout = "1m"' > /etc/datapathd/datapathd.toml
systemctl start datapathd
show ActiveState StatusText
grep CapEff "/proc/$(show MainPID)/status"
printf 'GET /login/me HTTP/1.1\\r\\n\\r\\nGET /persistent/mine HTTP/1.1\\r\\n\\r\\n' | socat -t30 - UNIX-CONNECT:/run/datapathd/switch.sock | grep -ao '^HTTP/1.1 ...'
systemctl restart datapathd
show StatusText
datapathctl list --all
`,
    );
    const status = 'switches messages, serves 1 queue, 1 SR attached, 0 plugins';
    assert.deepEqual(lines, [
      'active',
      status,
      'CapEff:\t0000000000000000',
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      status,
      'org.xen.xapi.datapath',
      'mine',
    ]);
  });

  test('in the unit as it is a plugin may write in the state alone, which is warned of', async (t) => {
    const lines = await underSystemd(
      t,
      `plugin
systemctl start datapathd
attach
server=$(cat /var/lib/datapathd/plugin/server)
cat "/proc/$server/comm"
findmnt /srv/sr || echo not mounted
systemctl restart datapathd
warnings | grep -o 'the plugins are confined.*add the drop-in [^"]*'
`,
    );
    const warning =
      'the plugins are confined: the service may mount nothing (CAP_SYS_ADMIN); unless that is meant, add the drop-in datapathd.service.d/storage-plugins.conf';
    assert.deepEqual(lines, ['"error":null,"id":1}', 'sleep', 'not mounted', warning, warning]);
  });

  test('with its drop-in, what a plugin mounts and starts is there for the host, also after a restart', async (t) => {
    const lines = await underSystemd(
      t,
      `plugin
drop_in storage-plugins
systemctl start datapathd
attach
server=$(cat /var/lib/datapathd/plugin/server)
findmnt -no FSTYPE /srv/sr
systemctl restart datapathd
show ActiveState
findmnt -no FSTYPE /srv/sr
cat "/proc/$server/comm"
warnings | grep confined || echo no warning
`,
    );
    assert.deepEqual(lines, ['"error":null,"id":1}', 'tmpfs', 'active', 'tmpfs', 'sleep', 'no warning']);
  });

  test('the journal tells what went wrong with an SR', async (t) => {
    const lines = await underSystemd(
      t,
      `plugin
systemctl start datapathd
attach
touch /var/lib/datapathd/plugin/broken
systemctl restart datapathd
until warnings SR=${SR} | grep -q .; do :; done
warnings SR=${SR} | grep -o '"msg":"[^"]*'
[ "$(warnings SR=another)" ] || echo nothing
`,
    );
    assert.deepEqual(lines, [
      '"error":null,"id":1}',
      '"msg":"an attached SR does not answer as it should',
      'nothing',
    ]);
  });

  test('metrics are read over TCP with the drop-in for that, and without it the start says why not', async (t) => {
    const lines = await underSystemd(
      t,
      `echo 'metrics.listen = "127.0.0.1:9000"' >> /etc/datapathd/datapathd.toml
systemctl start datapathd 2> /dev/null || echo failed
systemctl stop datapathd
journalctl --sync
journalctl --quiet --no-pager --unit=datapathd --output=cat | grep -o 'datapathd: .*' | head -n 1
drop_in network
systemctl start datapathd
show ActiveState
curl -s http://127.0.0.1:9000/metrics | grep -o '^datapathd_info'
`,
    );
    assert.deepEqual(lines, [
      'failed',
      'datapathd: listen EAFNOSUPPORT: address family not supported 127.0.0.1:9000 (metrics.listen)',
      'active',
      'datapathd_info',
    ]);
  });

  test('with the drop-in for the network, the page is there for who has the token, and a collector on this host gets spans', async (t) => {
    const lines = await underSystemd(
      t,
      `cat >> /etc/datapathd/datapathd.toml <<END
admin.listen = "127.0.0.1:9156"
traces = { endpoint = "http://127.0.0.1:4318", interval = "10ms" }
END
echo a-token-of-a-test > /etc/datapathd/admin-token
drop_in network
printf '[Service]\\nLoadCredential=admin-token:/etc/datapathd/admin-token\\n' > /etc/systemd/system/datapathd.service.d/token.conf
systemctl daemon-reload
/opt/node/node "$PROJECT/test/service/systemd/collector.ts" 4318 > /run/spans &
until grep -q listening /run/spans; do :; done
systemctl start datapathd
page=http://127.0.0.1:9156/admin/
curl -s -o /dev/null -w '%{http_code}\\n' "$page"
curl -s -o /dev/null -w '%{http_code}\\n' -L -c /run/cookies -b /run/cookies "$page?token=a-token-of-a-test"
dbg='me\\n00-${TRACE}-00f067aa0ba902b7-01'
printf '%s' '{"method":"Plugin.Query","params":[{"dbg":"'"$dbg"'"}],"id":1}' | socat -t30 - UNIX-CONNECT:${ANSWERS} | grep -o '"name":"datapathd"'
until grep Plugin.Query /run/spans; do :; done
`,
    );
    assert.deepEqual(lines, ['401', '200', '"name":"datapathd"', `Plugin.Query ${TRACE}`]);
  });

  test('the sockets are for a group when the service is in it', async (t) => {
    const lines = await underSystemd(
      t,
      `echo 'sockets = { mode = "0660", group = "daemon" }' >> /etc/datapathd/datapathd.toml
systemctl start datapathd 2> /dev/null || echo failed
systemctl stop datapathd
journalctl --sync
journalctl --quiet --no-pager --unit=datapathd --output=cat | grep -o 'datapathd: .*' | head -n 1
mkdir /etc/systemd/system/datapathd.service.d
printf '[Service]\\nSupplementaryGroups=daemon\\nSystemCallFilter=@chown\\n' > /etc/systemd/system/datapathd.service.d/local.conf
systemctl daemon-reload
systemctl start datapathd
stat -c '%A %G' ${ANSWERS}
`,
    );
    assert.deepEqual(lines, [
      'failed',
      "datapathd: EPERM: operation not permitted, chown '/run/datapathd/switch.sock' (sockets.group)",
      'srw-rw---- daemon',
    ]);
  });
}
