import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { OWN_SYSTEM } from '../helpers/namespaces.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { PROJECT } from './markdown.ts';
import type { Outcome, Step } from './session.ts';

/** A host: a real systemd over a copy of this machine, with datapathd, a xenstored and a checkout to install from. */

const BOOT = join(PROJECT, 'test/service/systemd/boot.sh');

/** What the machine gets before anything is typed. */
const FURNISH = `
project=/opt/datapathd
mkdir -p /root/datapathd /run/xenstored /etc/datapathd
cd /root/datapathd
cp -r $project/package.json $project/src $project/systemd $project/config $project/docs .
ln -s $project/node_modules node_modules
# As the package has them.
mkdir -p /usr/share/datapathd
ln -s /root/datapathd/systemd /usr/share/datapathd/systemd
for page in docs/*.[158]; do mkdir -p "/usr/share/man/man\${page##*.}"; cp "$page" "/usr/share/man/man\${page##*.}/"; done
ln -s /root/datapathd/src/plugins /usr/share/datapathd/plugins
printf '#!/bin/sh\\nexec $NODE /opt/datapathd/src/cli/main.ts "$@"\\n' > /usr/bin/datapathctl
chmod 755 /usr/bin/datapathctl
# A host has a xenstored: without Xen it is told that Xen is there.
printf '[Service]\\nExecStart=%s --daemon c /run/xenstored\\nTimeoutStopSec=1\\n' $project/test/xenstored/run-xenstored > /etc/systemd/system/xenstored.service
systemctl daemon-reload
# However slow the machine is: the pages show a host that is well.
systemctl set-environment DATAPATHD_HEALTH_MAX_LOOP_DELAY=1h
systemctl start xenstored
for program in xenstore-write xenstore-rm xenstore-exists; do
  printf '#!/bin/sh\\nexec %s --client /run/xenstored %s "$@"\\n' $project/test/xenstored/run-xenstored $program > /usr/local/bin/$program
  chmod 755 /usr/local/bin/$program
done
until xenstore-write /local/domain/0/name Domain-0 2> /dev/null; do :; done
`;

/** Types the steps on a host, and gives what came of each. */
export async function onHost(t: TestContext, steps: readonly Step[]): Promise<readonly Outcome[]> {
  const folder = tempDirectory(t);
  writeFileSync(join(folder, 'steps.json'), JSON.stringify(steps));
  writeFileSync(
    join(folder, 'script'),
    `NODE=/opt/node/node
export HOME=/root NODE_COMPILE_CACHE=/root/.compiled
${FURNISH.replaceAll('$NODE', '/opt/node/node')}
$NODE $project/test/pages/session.ts /test /root/datapathd
`,
  );
  const words = [...OWN_SYSTEM, 'sh', BOOT, folder, PROJECT, process.execPath, '/test/script'];
  const { stdout, stderr } = await runProgram(t, 'unshare', words);
  const log = readFileSync(join(folder, 'log'), 'utf8');
  assert.equal(log + stdout + stderr, '');
  return JSON.parse(readFileSync(join(folder, 'outcomes.json'), 'utf8'));
}
