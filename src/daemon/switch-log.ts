import type { Logger } from '../log.ts';
import type { RequestObserver } from '../switch/host.ts';
import type { In, Out } from '../switch/protocol.ts';

/** A debug line for each request to the switch, without the payloads. */
export const requestLog = (logger: Logger): RequestObserver => ({
  wanted: () => logger.isLevelEnabled('debug'),
  answered: (request, out, ms) =>
    logger.debug({ ...fieldsOf(request), ...outcomeOf(out), ms }, `${request.type} on the switch`),
});

function fieldsOf(request: In): object {
  switch (request.type) {
    case 'login':
      return { session: request.token };
    case 'create':
      return { queue: request.queue, lifetime: request.lifetime };
    case 'destroy':
      return { queue: request.queue };
    case 'send':
      return { queue: request.queue, kind: request.kind.type, bytes: request.payload.length };
    case 'transfer':
    case 'subscribe':
      return { queues: request.queues };
    case 'ack':
      return { queue: request.id.queue, id: request.id.id };
    case 'list':
      return { prefix: request.prefix };
    case 'diagnostics':
    case 'trace':
    case 'shutdown':
      return {};
  }
}

function outcomeOf(out: Out): object {
  switch (out.type) {
    case 'refused':
      return { outcome: out.status, reason: out.reason };
    case 'sent':
      return { outcome: out.id === undefined ? 'no such queue' : 'ok', id: out.id?.id };
    case 'messages':
      return { outcome: 'ok', messages: out.messages.length };
    default:
      return { outcome: 'ok' };
  }
}
