import type { SecurityGroup } from '../../../compute/index.ts'
import { defineView } from '../view.ts'

type Rule = SecurityGroup['rules'][number]

/** A group as Nova showed it when it kept them itself: with its ingress rules only. */
export const securityGroupView = defineView<SecurityGroup>('security_group', (group) => ({
  id: group.id,
  name: group.name,
  description: group.description,
  tenant_id: group.project_id,
  rules: group.rules.filter(({ direction }) => direction === 'ingress').map((rule) => shown(rule, group.id)),
}))

export const ruleView = defineView<{ rule: Rule; group_id: string }>('security_group_rule', ({ rule, group_id }) =>
  shown(rule, group_id),
)

const shown = (rule: Rule, groupId: string): Record<string, unknown> => ({
  id: rule.id,
  parent_group_id: groupId,
  ip_protocol: rule.protocol,
  ...portsOf(rule),
  group: rule.remote_group ? { name: rule.remote_group.name, tenant_id: rule.remote_group.project_id } : {},
  ip_range: rule.remote_group ? {} : { cidr: rule.remote_ip_prefix ?? ANYWHERE[rule.ethertype] },
})

const ANYWHERE = { IPv4: '0.0.0.0/0', IPv6: '::/0' }

/** A protocol without ports means all of them, which in these terms are numbers. */
function portsOf({ protocol, port_range_min: from_port, port_range_max: to_port }: Rule) {
  if (protocol === null || from_port !== null || to_port !== null) return { from_port, to_port }
  return /^(tcp|udp)$/i.test(protocol) ? { from_port: 1, to_port: 65_535 } : { from_port: -1, to_port: -1 }
}
