import {
  type Assignment,
  type AssignmentFilter,
  type AssignmentScope,
  type Grant,
  type Identity,
  SYSTEM_SCOPE_ID,
} from '../../identity/index.ts'
import { badRequest } from '../../kernel/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { flag, text } from './query.ts'
import { collection, whole } from './render.ts'
import { roleView } from './roles.ts'
import type { DeclareRoute } from './route.ts'

/** Roles of users and groups on projects, domains and the system. */
export function assignmentRoutes(identity: Identity, route: DeclareRoute): HttpRoute[] {
  const { assignments } = identity

  return [
    ...grantRoutes(identity, route, 'project', '/v3/projects/:scope_id/users/:user_id/roles', GRANT_RULES),
    ...grantRoutes(identity, route, 'project', '/v3/projects/:scope_id/groups/:group_id/roles', GRANT_RULES),
    ...grantRoutes(identity, route, 'domain', '/v3/domains/:scope_id/users/:user_id/roles', GRANT_RULES),
    ...grantRoutes(identity, route, 'domain', '/v3/domains/:scope_id/groups/:group_id/roles', GRANT_RULES),
    ...grantRoutes(identity, route, 'system', '/v3/system/users/:user_id/roles', SYSTEM_GRANT_RULES),
    ...grantRoutes(identity, route, 'system', '/v3/system/groups/:group_id/roles', SYSTEM_GROUP_GRANT_RULES),
    route('GET', '/v3/role_assignments', {
      policy: 'identity:list_role_assignments',
      ok: 200,
      async handle({ call }) {
        const list = await assignments.list(filterOf(call.query))
        const view = assignmentView(call, flag(call.query, 'include_names') ?? false)
        return collection(call, 'role_assignments', list, view)
      },
    }),
    route('GET', '/v3/auth/system', {
      policy: null,
      ok: 200,
      async handle({ call, ctx }) {
        const roles = await assignments.roles({ user_id: ctx.userId, scope: 'system', scope_id: SYSTEM_SCOPE_ID })
        return collection(call, 'system', whole(roles.length > 0 ? [{ all: true }] : []), (system) => system)
      },
    }),
  ]
}

interface Rules {
  readonly list: string
  readonly check: string
  readonly create: string
  readonly revoke: string
}

const GRANT_RULES: Rules = {
  list: 'identity:list_grants',
  check: 'identity:check_grant',
  create: 'identity:create_grant',
  revoke: 'identity:revoke_grant',
}
const SYSTEM_GRANT_RULES: Rules = {
  list: 'identity:list_system_grants_for_user',
  check: 'identity:check_system_grant_for_user',
  create: 'identity:create_system_grant_for_user',
  revoke: 'identity:revoke_system_grant_for_user',
}

const SYSTEM_GROUP_GRANT_RULES: Rules = {
  list: 'identity:list_system_grants_for_group',
  check: 'identity:check_system_grant_for_group',
  create: 'identity:create_system_grant_for_group',
  revoke: 'identity:revoke_system_grant_for_group',
}

function grantRoutes(
  { assignments, users, groups }: Identity,
  route: DeclareRoute,
  scope: AssignmentScope,
  path: string,
  rules: Rules,
): HttpRoute[] {
  const one = `${path}/:role_id`
  const grantOf = ({ params: { user_id = '', group_id, role_id = '', scope_id = SYSTEM_SCOPE_ID } }: Call): Grant => ({
    ...(group_id === undefined ? { user_id } : { group_id }),
    role_id,
    scope,
    scope_id,
  })

  return [
    route('GET', path, {
      policy: rules.list,
      ok: 200,
      async handle({ call }) {
        const grant = grantOf(call)
        await ('user_id' in grant ? users.show(grant.user_id) : groups.show(grant.group_id))
        return collection(call, 'roles', whole(await assignments.roles(grant)), roleView(call))
      },
    }),
    route('GET', one, { policy: rules.check, ok: 204, handle: ({ call }) => assignments.check(grantOf(call)) }),
    route('PUT', one, { policy: rules.create, ok: 204, handle: ({ call }) => assignments.grant(grantOf(call)) }),
    route('DELETE', one, { policy: rules.revoke, ok: 204, handle: ({ call }) => assignments.revoke(grantOf(call)) }),
  ]
}

function filterOf(query: URLSearchParams): AssignmentFilter {
  const effective = flag(query, 'effective') ?? false
  const scopes = [
    ['project', text(query, 'scope.project.id')],
    ['domain', text(query, 'scope.domain.id')],
    ['system', text(query, 'scope.system') === undefined ? undefined : SYSTEM_SCOPE_ID],
  ] as const
  const asked = scopes.filter(([, id]) => id !== undefined)
  if (asked.length > 1) throw badRequest('Only one scope can be asked for.')
  const [scope, scope_id] = asked[0] ?? []
  const [user_id, group_id] = [text(query, 'user.id'), text(query, 'group.id')]
  return { user_id, group_id, role_id: text(query, 'role.id'), scope, scope_id, effective }
}

function assignmentView(call: Call, withNames: boolean) {
  return (assignment: Assignment) => {
    const { user_id, group_id, role_id, role_name, prior_role_id } = assignment
    const domain = { id: assignment.actor_domain_id, name: assignment.actor_domain_name }
    const id = user_id ?? group_id
    const actor = withNames ? { id, name: assignment.actor_name, domain } : { id }
    // Where a user has it as a member, the group is what it was granted to.
    const granted = group_id === null ? `users/${user_id}` : `groups/${group_id}`
    const role = withNames ? { id: role_id, name: role_name } : { id: role_id }
    return {
      [user_id === null ? 'group' : 'user']: actor,
      role,
      scope: scopeView(assignment, withNames),
      links: {
        assignment: `${call.baseUrl}/v3/${grantPath(assignment)}/${granted}/roles/${prior_role_id ?? role_id}`,
        ...(user_id !== null && group_id !== null
          ? { membership: `${call.baseUrl}/v3/groups/${group_id}/users/${user_id}` }
          : {}),
        ...(prior_role_id ? { prior_role: `${call.baseUrl}/v3/prior_role/${prior_role_id}/implies/${role_id}` } : {}),
      },
    }
  }
}

function scopeView({ scope, scope_id, scope_name, ...names }: Assignment, withNames: boolean): object {
  if (scope === 'system') return { system: { all: true } }
  if (!withNames) return { [scope]: { id: scope_id } }
  if (scope === 'domain') return { domain: { id: scope_id, name: scope_name } }
  const domain = { id: names.scope_domain_id, name: names.scope_domain_name }
  return { project: { id: scope_id, name: scope_name, domain } }
}

function grantPath({ scope, scope_id }: Assignment): string {
  return scope === 'system' ? 'system' : `${scope}s/${scope_id}`
}
