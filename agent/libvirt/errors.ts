import type { RemoteError } from './protocol.ts'
import type { Value } from './xdr.ts'

/** Names of `virErrorNumber` that the driver decides by, and those an operator is likely to meet. */
const names: Readonly<Record<number, string>> = {
  1: 'VIR_ERR_INTERNAL_ERROR',
  2: 'VIR_ERR_NO_MEMORY',
  3: 'VIR_ERR_NO_SUPPORT',
  5: 'VIR_ERR_NO_CONNECT',
  7: 'VIR_ERR_INVALID_DOMAIN',
  8: 'VIR_ERR_INVALID_ARG',
  9: 'VIR_ERR_OPERATION_FAILED',
  27: 'VIR_ERR_XML_ERROR',
  28: 'VIR_ERR_DOM_EXIST',
  29: 'VIR_ERR_OPERATION_DENIED',
  38: 'VIR_ERR_SYSTEM_ERROR',
  39: 'VIR_ERR_RPC',
  42: 'VIR_ERR_NO_DOMAIN',
  45: 'VIR_ERR_AUTH_FAILED',
  55: 'VIR_ERR_OPERATION_INVALID',
  67: 'VIR_ERR_CONFIG_UNSUPPORTED',
  68: 'VIR_ERR_OPERATION_TIMEOUT',
  74: 'VIR_ERR_ARGUMENT_UNSUPPORTED',
  78: 'VIR_ERR_OPERATION_ABORTED',
  80: 'VIR_ERR_NO_DOMAIN_METADATA',
  84: 'VIR_ERR_OPERATION_UNSUPPORTED',
  86: 'VIR_ERR_AGENT_UNRESPONSIVE',
  87: 'VIR_ERR_RESOURCE_BUSY',
  88: 'VIR_ERR_ACCESS_DENIED',
  91: 'VIR_ERR_CPU_INCOMPATIBLE',
  99: 'VIR_ERR_DEVICE_MISSING',
}

export type LibvirtErrorCode =
  | 'VIR_ERR_NO_SUPPORT'
  | 'VIR_ERR_NO_DOMAIN'
  | 'VIR_ERR_NO_DOMAIN_METADATA'
  | 'VIR_ERR_OPERATION_INVALID'
  | 'VIR_ERR_OPERATION_FAILED'
  | 'VIR_ERR_OPERATION_TIMEOUT'
  | 'VIR_ERR_RESOURCE_BUSY'
  | 'VIR_ERR_RPC'
  | 'VIR_ERR_SYSTEM_ERROR'
  | (string & {})

/** libvirt did answer, and the answer is no. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError'
  /** `VIR_ERR_NO_DOMAIN`, or `VIR_ERR_<number>` for one without a name here. */
  readonly code: LibvirtErrorCode

  constructor(
    readonly procedure: string,
    error: Pick<Value<typeof RemoteError>, 'code' | 'message'>,
  ) {
    const code = names[error.code] ?? `VIR_ERR_${error.code}`
    super(`${procedure}: ${error.message ?? 'no reason given'} (${code})`)
    this.code = code
  }
}

/** libvirt did not answer: no daemon, a lost connection, a deadline that passed. What was asked may have been done. */
export class LibvirtUnavailable extends Error {
  override readonly name = 'LibvirtUnavailable'
}

export function isLibvirtError(error: unknown, ...codes: LibvirtErrorCode[]): error is LibvirtError {
  return error instanceof LibvirtError && (codes.length === 0 || codes.includes(error.code))
}
