import { Problem, type ProblemKind } from '../kernel/index.ts'

/** A Problem with the exception name that Neutron's clients look for; the API puts it into the body's `type`. */
export function failure(kind: ProblemKind, type: string, message: string, cause?: unknown): Problem {
  return new Problem(kind, message, { cause, details: { type } })
}

export const invalidInput = (message: string): Problem =>
  failure('bad_request', 'InvalidInput', `Invalid input for operation: ${message}.`)

export const networkNotFound = (id: string): Problem =>
  failure('not_found', 'NetworkNotFound', `Network ${id} could not be found.`)

export const networkInUse = (id: string): Problem =>
  failure(
    'conflict',
    'NetworkInUse',
    `Unable to complete operation on network ${id}. There are one or more ports still in use on the network.`,
  )

export const subnetNotFound = (id: string): Problem =>
  failure('not_found', 'SubnetNotFound', `Subnet ${id} could not be found.`)

export const subnetInUse = (id: string): Problem =>
  failure(
    'conflict',
    'SubnetInUse',
    `Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`,
  )

export const portNotFound = (id: string): Problem =>
  failure('not_found', 'PortNotFound', `Port ${id} could not be found.`)

export const securityGroupNotFound = (id: string): Problem =>
  failure('not_found', 'SecurityGroupNotFound', `Security group ${id} does not exist`)

export const ruleNotFound = (id: string): Problem =>
  failure('not_found', 'SecurityGroupRuleNotFound', `Security group rule ${id} does not exist`)

export const addressInUse = (address: string, networkId: string): Problem =>
  failure(
    'conflict',
    'IpAddressInUse',
    `Unable to complete operation for network ${networkId}. The IP address ${address} is in use.`,
  )

export const noMoreAddresses = (networkId: string): Problem =>
  failure('conflict', 'IpAddressGenerationFailure', `No more IP addresses available on network ${networkId}.`)

export const macInUse = (mac: string, networkId: string): Problem =>
  failure(
    'conflict',
    'MacAddressInUse',
    `Unable to complete operation for network ${networkId}. The mac address ${mac} is in use.`,
  )

export const invalidAddress = (address: string): Problem =>
  failure(
    'bad_request',
    'InvalidIpForNetwork',
    `IP address ${address} is not a valid IP for any of the subnets on the specified network.`,
  )
