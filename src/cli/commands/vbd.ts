import type { VbdExplanation } from '../../storage/daemon-interface.ts';
import { asText, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { withDaemon } from '../daemon.ts';
import { factsText, listText } from '../facts.ts';
import { harmless, table } from '../text.ts';

/** Commands about disks as xenstore has them. */

export const vbdListCommand = defineCommand({
  name: 'vbd list',
  summary: 'list the backends of disks that xenstore has',
  details: [
    'Those in domain 0 and in the driver domains that are trusted (xenstore.driverDomains), of the kinds vbd, vbd3 and qdisk.',
  ],
  arguments: {},
  options: {
    domain: { doc: 'only the disks of this domain', value: 'domain', read: asText },
    ...DAEMON_OPTIONS,
  },
  run: ({ domain, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const backends = (await daemon.datapathd('backends')).filter(
        ({ frontend_domid }) => domain === undefined || `${frontend_domid}` === domain,
      );
      if (context.json) return context.printJson(backends);
      if (backends.length === 0) return context.print('xenstore has no backends of disks\n');
      const rows = backends.map((backend) => [
        `${backend.frontend_domid}/${backend.device}`,
        backend.kind,
        `${backend.domid}`,
        backend.state ?? 'no state',
        backend.mode ?? '',
        backend.online === false ? 'being unplugged' : '',
      ]);
      return context.print(table([['DISK', 'KIND', 'SERVED BY', 'STATE', 'MODE', 'NOTES'], ...rows]));
    }),
});

export const vbdExplainCommand = defineCommand({
  name: 'vbd explain',
  summary: 'tell what xenstore has of both sides of a disk, what is missing, and what that means',
  details: [
    'It only reads. Of the keys, params and physical-device-path are left out, as they may hold secrets. With --verbose the other keys are shown.',
  ],
  examples: ['datapathctl vbd explain 5/xvda', 'datapathctl vbd explain 5/51712 --json'],
  arguments: { device: { doc: 'DOMID/DEVICE, the device as a name or a number', read: asText } },
  options: DAEMON_OPTIONS,
  run: ({ device, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const explanation = await daemon.datapathd('explain_vbd', { device });
      return context.json
        ? context.printJson(explanation)
        : context.print(explanationText(explanation, context.verbose));
    }),
});

function explanationText(explanation: VbdExplanation, verbose: boolean): string {
  const { domid, devid, device, frontend, backend, other_backends: others, findings } = explanation;
  const keys = (side: typeof frontend): string[] =>
    verbose && side !== undefined ? Object.entries(side.keys).map(([key, value]) => `${key} = ${value}`) : [];
  const facts = factsText([
    ['disk', `${domid}/${device} (${devid})`],
    ['frontend', sideText(frontend)],
    ['backend', backend === undefined ? sideText(backend) : `${backend.kind}, ${sideText(backend)}`],
    ['other backends', others.join(', ')],
  ]);
  const lines = findings.map(({ found, meaning }) => harmless(`${found}: ${meaning}`));
  return [
    facts,
    listText('keys of the frontend', keys(frontend).map(harmless)),
    listText('keys of the backend', keys(backend).map(harmless)),
    lines.length === 0 ? 'both sides are connected, and fit together\n' : listText('what is wrong', lines),
  ].join('');
}

const sideText = (side: VbdExplanation['frontend']): string =>
  side === undefined ? 'is not there' : `${side.state ?? 'without a state'}, ${side.path}`;
