import { Type as T } from '@sinclair/typebox'
import type { Compute, WantedGroupRule } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { canonicalUuid, CountText, integer, Many, Text, Uuid } from './fields.ts'
import { bodyShape, queryShape, resource, route } from './route.ts'
import { ruleView, securityGroupView } from './views/security-groups.ts'

const GroupsQuery = queryShape('security_groups', {
  limit: Many(CountText),
  offset: Many(CountText),
  all_tenants: Many(Text),
})

/** Open, as these requests always were. */
const Group = bodyShape('security_group', {}, () =>
  T.Object({ security_group: T.Object({ name: Text, description: Text }) }),
)
const Rule = bodyShape('security_group_rule.create', {}, () =>
  T.Object({
    security_group_rule: T.Object({
      parent_group_id: Uuid,
      group_id: T.Optional(T.Union([Uuid, T.Null()])),
      ip_protocol: T.Optional(T.Unknown()),
      from_port: T.Optional(T.Unknown()),
      to_port: T.Optional(T.Unknown()),
      cidr: T.Optional(T.Unknown()),
    }),
  }),
)
type RuleFields = ReturnType<ReturnType<typeof Rule.at>>['security_group_rule']

const until = '2.35'
const GROUPS = '/os-security-groups'
const RULES = '/os-security-group-rules'

/** Security groups and their rules as Nova handed them on until 2.35. */
export function securityGroupProxy({ proxies: { networks } }: Compute, { maxLimit }: { maxLimit: number }) {
  return resource('os-security-groups', [
    route('GET', GROUPS, {
      until,
      policy: 'os_compute_api:os-security-groups:get',
      query: GroupsQuery,
      ok: 200,
      async handle({ ctx, query, as }) {
        const all = query.all_tenants !== undefined && query.all_tenants.at(-1) !== '0'
        const offset = integer(query.offset?.at(-1) ?? 0)
        // Here 0 means no limit of the client's own.
        const limit = Math.min(integer(query.limit?.at(-1) ?? 0) || maxLimit, maxLimit)
        const groups = (await networks.securityGroups(ctx, all)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
        return { security_groups: groups.slice(offset, offset + limit).map((group) => as(securityGroupView, group)) }
      },
    }),
    route('POST', GROUPS, {
      until,
      policy: 'os_compute_api:os-security-groups:create',
      body: Group,
      ok: 200,
      async handle({ ctx, body, as }) {
        const { name, description } = body.security_group
        return { security_group: as(securityGroupView, await networks.createSecurityGroup(ctx, { name, description })) }
      },
    }),
    route('GET', `${GROUPS}/:id`, {
      until,
      policy: 'os_compute_api:os-security-groups:show',
      ok: 200,
      handle: async ({ ctx, params, as }) => ({
        security_group: as(securityGroupView, await networks.securityGroup(ctx, params.id!)),
      }),
    }),
    route('PUT', `${GROUPS}/:id`, {
      until,
      policy: 'os_compute_api:os-security-groups:update',
      body: Group,
      ok: 200,
      async handle({ ctx, params, body, as }) {
        const { name, description } = body.security_group
        const changed = await networks.updateSecurityGroup(ctx, params.id!, { name, description })
        return { security_group: as(securityGroupView, changed) }
      },
    }),
    route('DELETE', `${GROUPS}/:id`, {
      until,
      policy: 'os_compute_api:os-security-groups:delete',
      ok: 202,
      handle: ({ ctx, params }) => networks.deleteSecurityGroup(ctx, params.id!),
    }),

    route('POST', RULES, {
      until,
      policy: 'os_compute_api:os-security-groups:rule:create',
      body: Rule,
      ok: 200,
      async handle({ ctx, body, as }) {
        const wanted = wantedRule(body.security_group_rule)
        const rule = await networks.addRule(ctx, wanted)
        return { security_group_rule: as(ruleView, { rule, group_id: wanted.group_id }) }
      },
    }),
    route('DELETE', `${RULES}/:id`, {
      until,
      policy: 'os_compute_api:os-security-groups:rule:delete',
      ok: 202,
      handle: ({ ctx, params }) => networks.removeRule(ctx, params.id!),
    }),
  ])
}

/** @throws {Problem} bad_request for what makes no rule */
function wantedRule(fields: RuleFields): WantedGroupRule {
  const group = fields.group_id ?? null
  const cidr = fields.cidr ?? null
  const protocol = fields.ip_protocol ?? null
  const range = portsOf(fields)
  if (cidr !== null && (typeof cidr !== 'string' || cidr.length > 64)) throw badRequest('Invalid cidr.')
  if (protocol !== null && (!['string', 'number'].includes(typeof protocol) || String(protocol).length > 64)) {
    throw badRequest('Invalid ip_protocol.')
  }
  if (group === null && (protocol === null || range.from_port === null)) {
    throw badRequest('Not enough parameters to build a rule: ip_protocol, from_port and to_port are needed.')
  }
  return {
    group_id: canonicalUuid(fields.parent_group_id),
    remote_group_id: group === null ? null : canonicalUuid(group),
    protocol: protocol === null ? null : String(protocol).toLowerCase(),
    // Without a source a rule is for everyone.
    cidr: group === null ? (cidr ?? '0.0.0.0/0') : null,
    ...range,
  }
}

/** Numbers or their texts, both or none; -1 is any, as a type or code of ICMP. */
function portsOf({ from_port, to_port }: RuleFields): Pick<WantedGroupRule, 'from_port' | 'to_port'> {
  const port = (value: unknown): number | null => {
    if (value === undefined || value === null) return null
    if (!/^-?\d{1,5}$/.test(String(value)) || typeof value === 'object') throw badRequest('A port is a number.')
    return Number(value)
  }
  const [from, to] = [port(from_port), port(to_port)]
  if ((from === null) !== (to === null)) throw badRequest('from_port and to_port are given together.')
  return from === -1 && to === -1 ? { from_port: null, to_port: null } : { from_port: from, to_port: to }
}
