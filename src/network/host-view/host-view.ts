import type { GlobalDb } from '../../platform/db/index.ts'
import { protocolNumber } from '../security-groups/rule-checks.ts'
import {
  type FloatingAddress,
  groupAddressesFor,
  type HostNetwork,
  type HostPortRow,
  type HostRuleRow,
  networksFor,
  portsOn,
  type HostRouter,
  routersFor,
  rulesFor,
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

export interface HostPort extends Omit<HostPortRow, 'security_group_ids'> {
  readonly rules: readonly HostRule[]
  readonly floating_ips: readonly FloatingAddress[]
}

/** The addresses that the members of a security group send from, on whichever host they are. */
export interface GroupAddresses {
  readonly id: string
  /** Addresses and networks, in order, each once. */
  readonly addresses: readonly string[]
}

/** All that a compute host has to know of the network to serve the ports bound to it. */
export interface HostView {
  readonly ports: readonly HostPort[]
  /** Those that the ports are on, and those that routers lead to from there. */
  readonly networks: readonly HostNetwork[]
  /** Those with an interface on a network of the ports. */
  readonly routers: readonly HostRouter[]
  /** Those that rules of the ports name. */
  readonly groups: readonly GroupAddresses[]
}

/** The view of the ports bound to `host`, as of one moment; equal as JSON when nothing changed for that host. */
export function hostView(db: GlobalDb, host: string): Promise<HostView> {
  return db.transaction(
    async (tx) => {
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
      const rules = await rulesFor(tx, unique(ports.flatMap((port) => port.security_group_ids)))
      const groups = await groupAddressesFor(tx, unique(rules.flatMap((rule) => rule.remote_group_id ?? [])))
      const byGroup = Map.groupBy(rules, (rule) => rule.security_group_id)
      return {
        ports: ports.map(({ security_group_ids, ...port }) => ({
          ...port,
          rules: security_group_ids.flatMap((id) => (byGroup.get(id) ?? []).map(ruleOf)),
        })),
        networks,
        routers,
        groups,
      }
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
