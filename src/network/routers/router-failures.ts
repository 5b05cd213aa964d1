import type { Problem } from '../../kernel/index.ts'
import { failure } from '../failures.ts'

export const routerNotFound = (id: string): Problem =>
  failure('not_found', 'RouterNotFound', `Router ${id} could not be found`)

export const routerInUse = (id: string): Problem =>
  failure('conflict', 'RouterInUse', `Router ${id} still has ports`)

export const badRouter = (reason: string): Problem =>
  failure('bad_request', 'BadRequest', `Bad router request: ${reason}.`)

export const interfaceNotFound = (routerId: string, portId: string): Problem =>
  failure('not_found', 'RouterInterfaceNotFound', `Router ${routerId} does not have an interface with id ${portId}`)

export const subnetInterfaceNotFound = (routerId: string, subnetId: string): Problem =>
  failure(
    'not_found',
    'RouterInterfaceNotFoundForSubnet',
    `Router ${routerId} has no interface on subnet ${subnetId}`,
  )

export const interfaceCarriesFloatingIps = (routerId: string, subnetId: string): Problem =>
  failure(
    'conflict',
    'RouterInterfaceInUseByFloatingIP',
    `Router interface for subnet ${subnetId} on router ${routerId} cannot be deleted, as it is required by one or ` +
      'more floating IPs.',
  )

export const gatewayCarriesFloatingIps = (routerId: string, networkId: string): Problem =>
  failure(
    'conflict',
    'RouterExternalGatewayInUseByFloatingIp',
    `Gateway cannot be updated for router ${routerId}, since a gateway to external network ${networkId} is required ` +
      'by one or more floating IPs.',
  )

export const portInUse = (id: string, networkId: string, device: string): Problem =>
  failure(
    'conflict',
    'PortInUse',
    `Unable to complete operation on port ${id} for network ${networkId}. Port already has an attached device ${device}.`,
  )
