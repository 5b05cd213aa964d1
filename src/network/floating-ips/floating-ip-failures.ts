import type { Problem } from '../../kernel/index.ts'
import { failure } from '../failures.ts'
import type { FloatingIp } from './floating-ips.store.ts'

export const floatingIpNotFound = (id: string): Problem =>
  failure('not_found', 'FloatingIPNotFound', `Floating IP ${id} could not be found`)

export const badFloatingIp = (reason: string): Problem =>
  failure('bad_request', 'BadRequest', `Bad floatingip request: ${reason}.`)

export const unreachable = (network: string, subnet: string, port: string): Problem =>
  failure(
    'not_found',
    'ExternalGatewayForFloatingIPNotFound',
    `External network ${network} is not reachable from subnet ${subnet}.  Therefore, cannot associate Port ${port} ` +
      'with a Floating IP.',
  )

export const alreadyAssociated = (floatingIp: FloatingIp, port: string, address: string): Problem =>
  failure(
    'conflict',
    'FloatingIPPortAlreadyAssociated',
    `Cannot associate floating IP ${floatingIp.floating_ip_address} (${floatingIp.id}) with port ${port} using fixed ` +
      `IP ${address}, as that fixed IP already has a floating IP on external network ${floatingIp.floating_network_id}.`,
  )
