/** States of a device's two sides, as they are numbered in xenstore: Xen's public/io/xenbus.h. */
export const XENBUS_STATES = [
  'Unknown',
  'Initialising',
  'InitWait',
  'Initialised',
  'Connected',
  'Closing',
  'Closed',
  'Reconfiguring',
  'Reconfigured',
] as const;
export type XenbusState = (typeof XENBUS_STATES)[number];

/** Reads a `state` key; nothing when there is none. What is no state is unknown, as the kernels take it. */
export const xenbusState = (value: string | undefined): XenbusState | undefined =>
  value === undefined ? undefined : /^[0-8]$/.test(value) ? XENBUS_STATES[Number(value)] : 'Unknown';

/** The directories below a domain's `backend` in which block devices are. */
export const BACKEND_KINDS = ['vbd', 'vbd3', 'qdisk'] as const;
export type BackendKind = (typeof BACKEND_KINDS)[number];
