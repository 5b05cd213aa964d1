import { badRequest } from '../../kernel/index.ts'
import type { GroupWithRules, Networks, SecurityGroupRule } from '../../network/index.ts'
import { defined } from './networks.ts'
import type { Resource } from './resource.ts'
import { SecurityGroupCreate, SecurityGroupRuleCreate, SecurityGroupUpdate } from './schemas.ts'
import { ruleView, securityGroupView } from './views.ts'

type Groups = Resource<GroupWithRules, typeof SecurityGroupCreate, typeof SecurityGroupUpdate>

export function securityGroups({ securityGroups: verbs }: Networks): Groups {
  return {
    one: 'security_group',
    many: 'security_groups',
    path: 'security-groups',
    tagged: 'security_groups',
    create: SecurityGroupCreate,
    update: SecurityGroupUpdate,
    list: ({ viewer }, listing) => verbs.list(viewer, listing),
    show: ({ viewer }, id) => verbs.show(viewer, id),
    async make({ viewer }, bodies) {
      const [first] = single(bodies)
      const { name = '', description = '' } = first.body
      return [await verbs.create(viewer, { name, description, project_id: first.project_id })]
    },
    change: ({ viewer }, group, { name, description }) =>
      verbs.update(viewer, group.id, defined({ name, description })),
    remove: ({ viewer }, id) => verbs.remove(viewer, id),
    view: securityGroupView,
  }
}

type Rules = Resource<SecurityGroupRule, typeof SecurityGroupRuleCreate, never>

export function securityGroupRules({ securityGroups: verbs }: Networks): Rules {
  return {
    one: 'security_group_rule',
    many: 'security_group_rules',
    path: 'security-group-rules',
    create: SecurityGroupRuleCreate,
    list: ({ viewer }, listing) => verbs.listRules(viewer, listing),
    show: ({ viewer }, id) => verbs.showRule(viewer, id),
    async make({ viewer }, bodies) {
      const [{ body }] = single(bodies)
      const rule = await verbs.createRule(viewer, {
        security_group_id: body.security_group_id,
        direction: body.direction,
        ethertype: body.ethertype ?? 'IPv4',
        protocol: protocolOf(body.protocol),
        port_range_min: body.port_range_min ?? null,
        port_range_max: body.port_range_max ?? null,
        remote_ip_prefix: body.remote_ip_prefix ?? null,
        remote_group_id: body.remote_group_id ?? null,
        description: body.description ?? '',
      })
      return [rule]
    },
    remove: ({ viewer }, id) => verbs.removeRule(viewer, id),
    view: ruleView,
  }
}

/** Clients say `any` as well as nothing, and a number as a number or as text. */
function protocolOf(protocol: string | number | null | undefined): string | null {
  if (protocol === undefined || protocol === null || protocol === '') return null
  const text = String(protocol).toLowerCase()
  return text === 'any' ? null : text
}

export function single<T>(bodies: readonly T[]): readonly [T] {
  const [body, other] = bodies
  if (body === undefined || other !== undefined) throw badRequest('Resources of this kind are made one at a time.')
  return [body]
}
