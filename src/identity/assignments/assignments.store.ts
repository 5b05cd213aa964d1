import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import type { Role } from '../roles/roles.store.ts'

export type AssignmentScope = 'project' | 'domain' | 'system'

/** Who has a role: a user, or every member of a group. */
export type Actor = { readonly user_id: string } | { readonly group_id: string }

/** A role that a user or a group has on something. */
export type Grant = Actor & {
  readonly role_id: string
  readonly scope: AssignmentScope
  readonly scope_id: string
}

/** A grant with the names of what it speaks of. */
export interface Assignment {
  /** One of both; both where a user has the role as a member of the group. */
  readonly user_id: string | null
  readonly group_id: string | null
  readonly role_id: string
  readonly scope: AssignmentScope
  readonly scope_id: string
  /** Of the user, or of the group where it is the group's. */
  readonly actor_name: string
  readonly actor_domain_id: string
  readonly actor_domain_name: string
  readonly role_name: string
  /** The granted role when this one only follows from it. */
  readonly prior_role_id: string | null
  /** Null for the system. */
  readonly scope_name: string | null
  /** Only projects have one. */
  readonly scope_domain_id: string | null
  readonly scope_domain_name: string | null
}

export interface AssignmentFilter {
  readonly user_id?: string
  readonly group_id?: string
  readonly role_id?: string
  readonly scope?: AssignmentScope
  readonly scope_id?: string
  /** Lists implied roles, and those of a group for each of its members, as if they were granted. */
  readonly effective: boolean
}

export async function listAssignments(sql: GlobalSql, filter: AssignmentFilter, count: number) {
  const { effective } = filter
  return sql<Assignment[]>`
    with recursive granted as (
      select user_id, null as group_id, scope, scope_id, role_id from role_assignments
      union all
      select ${effective ? sql`member.user_id` : sql`null`}, grants.group_id, scope, scope_id, role_id
      from group_role_assignments as grants
      ${effective ? sql`join group_members as member on member.group_id = grants.group_id` : sql``}
    ), held as (
      select user_id, group_id, scope, scope_id, role_id as granted_role_id, role_id from granted
      where true
      ${filter.user_id === undefined ? sql`` : sql`and user_id = ${filter.user_id}`}
      ${filter.group_id === undefined ? sql`` : sql`and group_id = ${filter.group_id}`}
      ${filter.scope === undefined ? sql`` : sql`and scope = ${filter.scope}`}
      ${filter.scope_id === undefined ? sql`` : sql`and scope_id = ${filter.scope_id}`}
      union
      select h.user_id, h.group_id, h.scope, h.scope_id, h.granted_role_id, i.implied_role_id
      from held h join role_implications i using (role_id) where ${effective}
    )
    select h.user_id, h.group_id, h.role_id, h.scope, h.scope_id,
           nullif(h.granted_role_id, h.role_id) as prior_role_id,
           actor.name as actor_name, ad.id as actor_domain_id, ad.name as actor_domain_name, r.name as role_name,
           coalesce(p.name, sd.name) as scope_name, pd.id as scope_domain_id, pd.name as scope_domain_name
    from held h
    join (
      select 'user' as kind, id, name, domain_id from users
      union all
      select 'group', id, name, domain_id from groups
    ) actor on actor.id = coalesce(h.user_id, h.group_id)
      and actor.kind = case when h.user_id is null then 'group' else 'user' end
    join domains ad on ad.id = actor.domain_id
    join roles r on r.id = h.role_id
    left join projects p on h.scope = 'project' and p.id = h.scope_id
    left join domains pd on pd.id = p.domain_id
    left join domains sd on h.scope = 'domain' and sd.id = h.scope_id
    ${filter.role_id === undefined ? sql`` : sql`where h.role_id = ${filter.role_id}`}
    order by actor.name, actor.id, h.scope, h.scope_id, r.name, prior_role_id nulls first limit ${count}`
}

/** Where an actor's roles are written, and in which column the actor. */
const bookOf = (actor: Actor) =>
  'user_id' in actor
    ? { table: 'role_assignments', column: 'user_id', id: actor.user_id }
    : { table: 'group_role_assignments', column: 'group_id', id: actor.group_id }

export type GrantScope = Actor & Pick<Grant, 'scope' | 'scope_id'>

/** Roles granted to a user or group in one scope, without implied ones. */
export async function listGrantedRoles(sql: GlobalSql, grant: GrantScope): Promise<Role[]> {
  const { table, column, id } = bookOf(grant)
  return sql<Role[]>`
    select r.id, r.name, r.description, r.immutable
    from ${sql(table)} a join roles r on r.id = a.role_id
    where ${sql(column)} = ${id} and a.scope = ${grant.scope} and a.scope_id = ${grant.scope_id}
    order by r.name`
}

export async function grantExists(sql: GlobalSql, grant: Grant): Promise<boolean> {
  const { table, column, id } = bookOf(grant)
  const rows = await sql`
    select 1 from ${sql(table)}
    where ${sql(column)} = ${id} and role_id = ${grant.role_id}
      and scope = ${grant.scope} and scope_id = ${grant.scope_id}`
  return rows.length > 0
}

export async function insertGrant(tx: GlobalTx, grant: Grant): Promise<void> {
  const { table, column, id } = bookOf(grant)
  const { role_id, scope, scope_id } = grant
  await tx`insert into ${tx(table)} ${tx({ [column]: id, role_id, scope, scope_id })} on conflict do nothing`
}

/** False when there was none. */
export async function deleteGrant(tx: GlobalTx, grant: Grant): Promise<boolean> {
  const { table, column, id } = bookOf(grant)
  const { count } = await tx`
    delete from ${tx(table)}
    where ${tx(column)} = ${id} and role_id = ${grant.role_id}
      and scope = ${grant.scope} and scope_id = ${grant.scope_id}`
  return count > 0
}

/** Which of user, group, role, project or domain a grant speaks of is not there; locks those that are against deletion. */
export async function missingPart(
  tx: GlobalTx,
  grant: Grant,
): Promise<'user' | 'group' | 'role' | 'project' | 'domain' | null> {
  const [kind, actor] =
    'user_id' in grant
      ? (['user', await tx`select 1 from users where id = ${grant.user_id} for key share`] as const)
      : (['group', await tx`select 1 from groups where id = ${grant.group_id} for key share`] as const)
  if (actor.length === 0) return kind
  const [role] = await tx`select 1 from roles where id = ${grant.role_id} for key share`
  if (!role) return 'role'
  if (grant.scope === 'system') return null
  const [target] =
    grant.scope === 'project'
      ? await tx`select 1 from projects where id = ${grant.scope_id} for key share`
      : await tx`select 1 from domains where id = ${grant.scope_id} for key share`
  return target ? null : grant.scope
}
