import Type from 'typebox';
import { declaredErrors } from '../rpc/declared-error.ts';
import type { ErrorDefinition } from '../rpc/interface.ts';
import { ENVELOPE_CODES } from '../rpc/jsonrpc.ts';

/**
 * The errors that the storage interfaces declare. A constructor has the same code in each of them; codes are never
 * used again for another.
 */

const text = (code: number, description: string) => ({ code, description, value: Type.String() });

const nameAndParams = (code: number, description: string) => ({
  code,
  description,
  value: Type.Tuple([Type.String(), Type.Array(Type.String())]),
});

/** A method that is not there is answered the same whoever finds out: by JSON-RPC's own code. */
const Unimplemented = text(ENVELOPE_CODES.unimplemented, 'The method is not implemented here');

const Sr_not_attached = text(2, 'The SR has to be attached first');
const Cancelled = text(5, 'The operation was cancelled');
const Activated_on_another_host = text(6, 'The volume is active on the host of this uuid');
const Backend_error = nameAndParams(7, "The plugin failed: the error's name and its parameters");
const Backend_error_with_backtrace = nameAndParams(
  8,
  "The plugin failed: the error's name, and its backtrace before its parameters",
);

const Internal_error = text(ENVELOPE_CODES.internal, 'Anything else that went wrong');

/** The errors of `Plugin` itself. */
export const PLUGIN_ERRORS = { Unimplemented } satisfies Record<string, ErrorDefinition>;

/**
 * The errors of `Datapath`, `Data`, `SR` and `Volume`. The last three are ours: what a plugin's script failed with when
 * the interface has no constructor for it, and what went wrong in the daemon.
 */
export const SMAPIV3_ERRORS = {
  Sr_not_attached,
  SR_does_not_exist: text(3, 'There is no such SR'),
  Volume_does_not_exist: text(4, 'There is no such volume in the SR'),
  Unimplemented,
  Cancelled,
  Activated_on_another_host,
  Backend_error,
  Backend_error_with_backtrace,
  Internal_error,
} satisfies Record<string, ErrorDefinition>;

/** Makes an error of SMAPIv3 for a method to throw. */
export const smapiv3Error = declaredErrors(SMAPIV3_ERRORS);

/** The states of an SR that SMAPIv2 names. */
export const SrHealth = Type.Enum(['Healthy', 'Recovering', 'Unreachable', 'Unavailable'], {
  description: 'How the SR is',
});

/** The errors of the SMAPIv2 interfaces. */
export const SMAPIV2_ERRORS = {
  Backend_error,
  Backend_error_with_backtrace,
  Sr_not_attached,
  Vdi_does_not_exist: text(9, 'There is no such VDI in the SR'),
  Unimplemented,
  Activated_on_another_host,
  No_storage_plugin_for_sr: text(10, 'No plugin serves the SR'),
  Sr_unhealthy: {
    code: 11,
    description: 'The SR is not healthy: which one, and how it is',
    value: Type.Tuple([Type.String(), SrHealth]),
  },
  Cancelled,
  Internal_error,
} satisfies Record<string, ErrorDefinition>;

/** Makes an error of SMAPIv2 for a method to throw. */
export const smapiv2Error = declaredErrors(SMAPIV2_ERRORS);
