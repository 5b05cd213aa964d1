import { isLibvirtError, LibvirtError, LibvirtUnavailable } from '../../libvirt/index.ts'
import { DriverError } from '../driver.ts'

/**
 * Runs a verb, and turns whatever goes wrong in it into a `DriverError`. What libvirt, the file system or QEMU say
 * names paths and hosts, so it becomes the cause.
 *
 * @param refused what to tell a tenant when libvirt says no: `The guest could not be stopped.`
 */
export async function asDriverErrors<T>(refused: string, verb: () => Promise<T>): Promise<T> {
  try {
    return await verb()
  } catch (error) {
    throw asDriverError(refused, error)
  }
}

function asDriverError(refused: string, cause: unknown): DriverError {
  if (cause instanceof DriverError) return cause
  if (cause instanceof LibvirtUnavailable) {
    return new DriverError('The hypervisor does not answer.', { kind: 'unavailable', cause })
  }
  if (isLibvirtError(cause, 'VIR_ERR_NO_DOMAIN')) return noGuest(cause)
  if (isLibvirtError(cause, 'VIR_ERR_OPERATION_TIMEOUT', 'VIR_ERR_RESOURCE_BUSY', 'VIR_ERR_RPC')) {
    return new DriverError('The hypervisor is busy with this guest.', { kind: 'unavailable', cause })
  }
  if (cause instanceof LibvirtError) return new DriverError(refused, { cause })
  const code = cause instanceof Error ? (cause as { code?: unknown }).code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DriverError('The host has no space left.', { kind: 'unavailable', cause })
  }
  if (code === 'EIO' || code === 'EROFS' || code === 'ENOENT' || code === 'EACCES') {
    return new DriverError("The host cannot use the guests' files.", { kind: 'unavailable', cause })
  }
  return new DriverError(refused, { cause })
}

export const noGuest = (cause?: unknown): DriverError =>
  new DriverError('The guest does not exist on this host.', { kind: 'not_found', cause })
