import type { GlobalSql } from '../../platform/db/index.ts'
import { subjectsOf } from '../tokens/revocations.ts'
import { type Named, SYSTEM_SCOPE_ID, type TokenInfo } from '../tokens/token.ts'
import type { DomainRef, RefInDomain } from './request.ts'

export interface Login {
  readonly id: string
  readonly password_hash: string | null
  readonly default_project_id: string | null
}

export async function findLogin(sql: GlobalSql, user: RefInDomain): Promise<Login | undefined> {
  const [row] = await sql<Login[]>`
    select u.id, u.password_hash, u.default_project_id
    from users u join domains d on d.id = u.domain_id
    where ${'id' in user ? sql`u.id = ${user.id}` : sql`u.name = ${user.name} and ${isDomain(sql, user.domain)}`}`
  return row
}

export async function findProjectId(sql: GlobalSql, project: RefInDomain): Promise<string | undefined> {
  if ('id' in project) return project.id
  const [row] = await sql<{ id: string }[]>`
    select p.id from projects p join domains d on d.id = p.domain_id
    where p.name = ${project.name} and ${isDomain(sql, project.domain)}`
  return row?.id
}

export async function findDomainId(sql: GlobalSql, domain: DomainRef): Promise<string | undefined> {
  if ('id' in domain) return domain.id
  const [row] = await sql<{ id: string }[]>`select d.id from domains d where ${isDomain(sql, domain)}`
  return row?.id
}

/** Roles of an application credential and those they imply. */
function rolesOf(sql: GlobalSql, credentialId: string) {
  return sql`
    with recursive allowed as (
      select role_id from application_credential_roles where credential_id = ${credentialId}
      union
      select i.implied_role_id from allowed join role_implications i using (role_id)
    ) select role_id from allowed`
}

/** A condition on the domain `d`. */
function isDomain(sql: GlobalSql, domain: DomainRef) {
  return 'id' in domain ? sql`d.id = ${domain.id}` : sql`d.name = ${domain.name}`
}

/** A scope whose names are not read yet. */
export type ScopeId =
  | { readonly kind: 'unscoped' | 'system' }
  | { readonly kind: 'project' | 'domain'; readonly id: string }

export interface Rights {
  readonly tick: number
  readonly user_id: string
  readonly user_name: string
  readonly user_domain_id: string
  readonly user_domain_name: string
  /** The user and the user's domain are. */
  readonly user_enabled: boolean
  readonly password_hash: string | null
  readonly default_project_id: string | null
  /** All null when there is no such project or domain. */
  readonly scope_name: string | null
  readonly scope_domain_id: string | null
  readonly scope_domain_name: string | null
  readonly scope_enabled: boolean | null
  readonly roles: readonly Named[]
  /** The token that is exchanged has been revoked. */
  readonly parent_revoked: boolean
}

export interface RightsQuestion {
  readonly userId: string
  readonly scope: ScopeId
  /** The token that is exchanged for the new one; this process may not have heard of its revocation yet. */
  readonly parent?: TokenInfo | undefined
  /** Bounds the roles to those of an application credential; none are left when it is gone. */
  readonly credential?: { readonly id: string } | undefined
}

/** All that decides about a new token, in one statement: what is revoked after this snapshot has a later tick. */
export async function readRights(sql: GlobalSql, question: RightsQuestion): Promise<Rights | undefined> {
  const { userId, scope, parent, credential } = question
  const id = 'id' in scope ? scope.id : scope.kind === 'system' ? SYSTEM_SCOPE_ID : ''
  const parentSubjects = parent ? subjectsOf(parent) : []
  const kinds = parentSubjects.map(([kind]) => kind as string)
  const subjects = parentSubjects.map(([, subject]) => subject)
  const [row] = await sql<Rights[]>`
    with recursive held as (
      select role_id from held_roles where user_id = ${userId} and scope = ${scope.kind} and scope_id = ${id}
      union
      select i.implied_role_id from held join role_implications i using (role_id)
    )
    select c.tick,
           u.id as user_id, u.name as user_name, ud.id as user_domain_id, ud.name as user_domain_name,
           u.enabled and ud.enabled as user_enabled, u.password_hash, u.default_project_id,
           coalesce(p.name, sd.name) as scope_name, pd.id as scope_domain_id, pd.name as scope_domain_name,
           coalesce(p.enabled and pd.enabled, sd.enabled) as scope_enabled,
           (select coalesce(json_agg(json_build_object('id', r.id, 'name', r.name) order by r.name), '[]')
            from roles r where r.id in (select role_id from held)
            ${credential ? sql`and r.id in (${rolesOf(sql, credential.id)})` : sql``}) as roles,
           exists (select 1 from revocations v
                   join unnest(${kinds}::text[], ${subjects}::text[]) as s (kind, subject) using (kind, subject)
                   where v.tick > ${parent?.tick ?? 0}) as parent_revoked
    from revocation_clock c
    join users u on u.id = ${userId}
    join domains ud on ud.id = u.domain_id
    left join projects p on ${scope.kind} = 'project' and p.id = ${id}
    left join domains pd on pd.id = p.domain_id
    left join domains sd on ${scope.kind} = 'domain' and sd.id = ${id}`
  return row
}
