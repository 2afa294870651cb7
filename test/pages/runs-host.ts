import type { Run } from './runs.ts';

/** The pages for operators, each on a host of its own. */

const RUNNING = 'systemctl start datapathd';

/** The page is there, at the port that leads to the switch. */
export const LOOKED_AT = 'until curl --silent --fail http://localhost:9156/admin/ > /dev/null; do :; done';

/** As on a host with storage: the shipped plugins, and what their scripts may. */
export const WITH_PLUGINS = `
mkdir -p /usr/libexec/xapi-storage-script /etc/systemd/system/datapathd.service.d
cp -dR src/plugins/. /usr/libexec/xapi-storage-script/
cp systemd/datapathd.service.d/storage-plugins.conf /etc/systemd/system/datapathd.service.d/
systemctl daemon-reload`;

const OLD_SERVICES = `
old() { printf '[Service]\\nExecStart=%s\\n[Install]\\nWantedBy=multi-user.target\\n' "$2" > "/usr/lib/systemd/system/$1.service"; }
old xapi '/bin/sleep infinity'
old xapi-storage-script '/bin/sleep infinity'
old message-switch '/usr/bin/datapathd --config=/dev/null --storage.enabled=false --switch.path=/run/message-switch/sock --sockets.directory=/run/message-switch --switch.stateDirectory='
systemctl daemon-reload
systemctl enable --now xapi xapi-storage-script message-switch
`;
/** Both names are those of the units of these ids. */
const named = (...ids: readonly string[]): string =>
  `[ "$(systemctl show -P Id message-switch xapi-storage-script | tr -s '\\n' ' ')" = '${ids.join(' ')} ' ]`;
/** What the page says of the socket unit: it listens where xapi looks for the switch. */
const WITH_SOCKET = `
systemctl stop datapathd
mkdir -p /etc/systemd/system/datapathd.socket.d
printf '[Socket]\\nListenStream=\\nListenStream=/run/message-switch/sock\\n' > /etc/systemd/system/datapathd.socket.d/local.conf
systemctl daemon-reload
systemctl enable --now datapathd.socket
systemctl start datapathd`;
const NEW = named('datapathd.service', 'datapathd.service');
const OLD = named('message-switch.service', 'xapi-storage-script.service');

export const HOST: readonly Run[] = [
  { page: 'README.md', sections: ['On a host'], before: RUNNING },
  { page: 'docs/operating.md', before: RUNNING },
  {
    page: 'docs/durability.md',
    before: RUNNING,
    byLine: true,
    ways: {
      'datapathctl state backup': { after: 'systemctl stop datapathd' },
      'datapathctl state restore': { after: RUNNING },
    },
  },
  {
    page: 'docs/shipped-plugins.md',
    begins: 'mkdir',
    ways: {
      mkdir: {
        after: `${RUNNING}
[ "$(datapathctl plugin list | grep -c registered)" = 2 ]`,
      },
    },
  },
  {
    page: 'docs/storage.md',
    sections: ['What is chosen'],
    before: `${WITH_PLUGINS}
${RUNNING}`,
    ways: { 'datapathctl datapath select': { instead: { URI: 'raw+file:///srv/disk.img' } } },
  },
  {
    page: 'docs/storage.md',
    sections: ['Changing over, and back'],
    before: RUNNING,
    ways: {
      'datapathctl state export': { after: '[ -s /var/run/nonpersistent/xapi-storage-script/state.db ]' },
    },
  },
  {
    page: 'docs/switching-over.md',
    sections: ['There', 'Back'],
    before: OLD_SERVICES,
    ways: {
      'systemctl stop xapi xapi-storage-script': { after: `systemctl is-active datapathd xapi\n${NEW}` },
      'systemctl stop xapi\n': {
        before: WITH_SOCKET,
        after: `systemctl is-active xapi message-switch xapi-storage-script\n${OLD}
if systemctl is-active datapathd datapathd.socket || systemctl is-enabled datapathd.socket; then exit 1; fi`,
      },
    },
  },
  {
    page: 'docs/switching-over.md',
    sections: ['Beside the old switch'],
    before: `${OLD_SERVICES}
printf '[switch]\\nmode = "join"\\n' > /etc/datapathd/datapathd.toml
${RUNNING}`,
    ways: {
      'systemctl disable': {
        after: `until datapathctl list | grep org.xen.xapi.datapath; do :; done
datapathctl call org.xen.xapi.datapath Plugin.ls`,
      },
    },
  },
  {
    page: 'docs/admin.md',
    begins: 'socat',
    before: RUNNING,
    ways: {
      socat: {
        until: '',
        meanwhile: {
          text: LOOKED_AT,
        },
      },
    },
  },
  { page: 'docs/hosts.md', sections: ['Memory'] },
  { page: 'docs/systemd.md', before: RUNNING },
  { page: 'docs/troubleshooting.md', before: RUNNING },
  { page: 'docs/xenstore.md' },
];
