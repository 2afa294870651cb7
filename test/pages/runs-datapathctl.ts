import type { Run } from './runs.ts';
import { WITH_PLUGINS } from './runs-host.ts';

/** What datapathctl is asked: on a host with an SR of the shipped plugin, and a disk in it. */

const SR = '7c1d9a52-3c4b-4d4e-9a37-6f0e8f6a2b11';
const DISK = '6ef2f31c-0b7a-4d8e-9a0e-2f4c5b6d7e80';
const REQUEST = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}';

const WORLD = `
mkdir -p /srv/disks
${WITH_PLUGINS}
truncate -s 1M /srv/disk.img
systemctl start datapathd
call() { datapathctl call org.xen.xapi.storage.rawfiles "$@"; }
config='"device_config":{"path":"/srv/disks"}'
call SR.create '{"dbg":"me","sr":"${SR}","name_label":"disks","name_description":"","physical_size":0,'"$config"'}'
call SR.attach '{"dbg":"me","sr":"${SR}",'"$config"'}'
vdi=$(call VDI.create '{"dbg":"me","sr":"${SR}","vdi_info":{"vdi":"","name_label":"a disk","virtual_size":1048576}}' |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["result"]["vdi"])')
# The domain 5 with its disk, as a toolstack sets it up.
front=/local/domain/5/device/vbd/51712
back=/local/domain/0/backend/vbd3/5/51712
xenstore-write /local/domain/5/name guest $front/backend $back $front/backend-id 0 $front/state 4 $front/ring-ref 8 \\
  $front/event-channel 15 $back/frontend $front $back/frontend-id 5 $back/state 4 $back/online 1 $back/mode w $back/params x
# A program that answers.
printf '#!/bin/sh\\ncat\\n' > answer.py
chmod +x answer.py
echo '${REQUEST}' > request.json
answers='systemd-run --quiet --collect --unit=answers --property=WorkingDirectory=/root/datapathd datapathctl serve my.queue --program ./answer.py'
last_message() { datapathctl tail | grep -o 'org.xen.xapi.datapath\\.[0-9]*' | tail -n 1; }
until_answered="until datapathctl call my.queue --body '{}' 2> /dev/null; do :; done"
`;

export const DATAPATHCTL: Run = {
  page: 'docs/datapathctl.md',
  byLine: true,
  before: WORLD,
  ways: {
    'datapathctl call my.queue': {
      before: '$answers; eval "$until_answered"',
      after: 'systemctl stop answers',
    },
    'datapathctl serve my.queue': {
      until: '',
      meanwhile: { text: 'eval "$until_answered"' },
    },
    'datapathctl tail --follow --json': {
      before: 'call Volume.ls; call Volume.attach',
      until: 'Volume.attach',
    },
    'datapathctl tail --follow': { until: 'Plugin.ls' },
    'datapathctl trace': { instead: { 'org.xen.xapi.datapath.17': '"$(last_message)"' } },
    'datapathctl mscgen': { after: 'grep -q "<svg" chart.svg' },
    'datapathctl plugin call org.xen.xapi.storage.rawfiles': { instead: { [DISK]: '"$vdi"' } },
    'datapathctl plugin lint': {
      before:
        'datapathctl plugin new volume org.xen.xapi.storage.mine --directory /usr/libexec/xapi-storage-script',
    },
    'datapathctl plugin test ./volume': { before: 'datapathctl plugin new volume org.xen.xapi.storage.mine' },
    'datapathctl plugin test ./datapath': {
      before: 'datapathctl plugin new datapath mine; truncate -s 1M /srv/disk.img',
      after: 'rm -r ./volume',
    },
    'datapathctl plugin record': {
      before: `until datapathctl plugin list | grep 'storage.mine .*registered'; do :; done`,
      until: 'Ctrl-C',
      meanwhile: {
        from: 'Ctrl-C',
        text: 'mkdir -p /srv/mine; datapathctl plugin call org.xen.xapi.storage.mine SR.create uuid=00000001-0000-4000-8000-000000000001 name=n description=d \'configuration:={"directory":"/srv/mine"}\'',
      },
      after: '[ -s calls.jsonl ]',
    },
    'datapathctl plugin replay': { before: 'rm -r /srv/mine' },
    'datapathctl datapath select --sr': { instead: { [DISK]: '"$vdi"' } },
    'datapathctl state restore': { before: 'systemctl stop datapathd', after: 'systemctl start datapathd' },
    'datapathctl completion': {
      before:
        'mkdir -p /etc/bash_completion.d /usr/local/share/zsh/site-functions ~/.config/fish/completions',
    },
  },
};

const TRACE = '0123456789abcdef0123456789abcdef';
export const TRACING: Run = {
  page: 'docs/tracing.md',
  byLine: true,
  before: WORLD,
  ways: {
    'datapathctl trace org': { instead: { 'org.xen.xapi.storage.mine.17': '"$(last_message)"' } },
    [`datapathctl trace ${TRACE}`]: {
      before: `datapathctl call org.xen.xapi.datapath Plugin.ls '{"dbg":"me\\n00-${TRACE}-0123456789abcdef-01"}'`,
    },
  },
};

/** The commands that stand in the lines of all pages that are run on a host. */
export const LINES: Required<Pick<Run, 'before' | 'ways'>> = {
  before: WORLD,
  ways: {
    'datapathctl vbd explain': { instead: { 'DOMID/DEVICE': '5/xvda' } },
    'datapathctl tail --follow': {
      before: 'datapathctl call org.xen.xapi.datapath Plugin.ls',
      until: 'Plugin.ls',
    },
    'datapathctl trace': { instead: { 'QUEUE.NUMBER': '"$(last_message)"' } },
    'systemctl stop datapathd': { after: 'systemctl start datapathd' },
  },
};
