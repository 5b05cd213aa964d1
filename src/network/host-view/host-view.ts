import type { GlobalDb } from '../../platform/db/index.ts'
import { protocolNumber } from '../security-groups/rule-checks.ts'
import {
  groupAddressesFor,
  type HostNetwork,
  type HostPortRow,
  type HostRuleRow,
  networksFor,
  portsOn,
  type HostRouter,
  routersFor,
  rulesFor,
  timeOf,
} from './host-view.store.ts'

/** A security group rule as a packet filter needs it. Traffic that no rule of a port allows is dropped. */
export interface HostRule {
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  /** IANA's number; null is any. */
  readonly protocol: number | null
  /** For ICMP type and code; null is any. */
  readonly port_range_min: number | null
  readonly port_range_max: number | null
  /** Network at the other end; null, with `remote_group_id` null too, is anybody. */
  readonly remote_ip_prefix: string | null
  /** Who is at the other end: an id in the view's `groups`. */
  readonly remote_group_id: string | null
}

/** A security group of a port of the host, with its rules. */
export interface HostGroup {
  readonly id: string
  readonly rules: readonly HostRule[]
}

/** The addresses that the members of a security group send from, on whichever host they are. */
export interface GroupAddresses {
  readonly id: string
  /** Addresses and networks, in order, each once. */
  readonly addresses: readonly string[]
}

/** All that a compute host has to know of the network to serve the ports bound to it. */
export interface HostView {
  readonly ports: readonly HostPortRow[]
  /** Those that the ports are on, and those that routers lead to from there. */
  readonly networks: readonly HostNetwork[]
  /** Those with an interface on a network of the ports. */
  readonly routers: readonly HostRouter[]
  /** Those that the ports are in. */
  readonly security_groups: readonly HostGroup[]
  /** Those that their rules name. */
  readonly groups: readonly GroupAddresses[]
}

/**
 * The view of the ports bound to `host` with its moment, in microseconds since the epoch by the database's clock. Equal
 * as JSON when nothing changed for that host.
 */
export function datedHostView(db: GlobalDb, host: string): Promise<{ view: HostView; as_of: number }> {
  return db.transaction(
    async (tx) => {
      const as_of = await timeOf(tx)
      const ports = await portsOn(tx, host)
      const routers = await routersFor(tx, unique(ports.map((port) => port.network_id)))
      const networks = await networksFor(
        tx,
        unique([
          ...ports.map((port) => port.network_id),
          ...routers.flatMap((router) => [
            ...router.interfaces.map((leg) => leg.network_id),
            ...(router.gateway ? [router.gateway.network_id] : []),
          ]),
        ]),
      )
      const groupIds = unique(ports.flatMap((port) => port.security_group_ids))
      const rules = await rulesFor(tx, groupIds)
      const groups = await groupAddressesFor(tx, unique(rules.flatMap((rule) => rule.remote_group_id ?? [])))
      const byGroup = Map.groupBy(rules, (rule) => rule.security_group_id)
      const security_groups = groupIds.map((id) => ({ id, rules: (byGroup.get(id) ?? []).map(ruleOf) }))
      return { as_of, view: { ports, networks, routers, security_groups, groups } }
    },
    { isolation: 'repeatable read', readOnly: true },
  )
}

const ruleOf = (row: HostRuleRow): HostRule => ({
  direction: row.direction,
  ethertype: row.ethertype,
  protocol: protocolNumber(row.protocol) ?? null,
  port_range_min: row.port_range_min,
  port_range_max: row.port_range_max,
  remote_ip_prefix: row.remote_ip_prefix,
  remote_group_id: row.remote_group_id,
})

const unique = (ids: readonly string[]): string[] => [...new Set(ids)].toSorted()
