import type { Clock, RequestContext } from '../kernel/index.ts'
import type { Bus } from '../platform/bus/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { type Assignments, createAssignments } from './assignments/assignments.ts'
import { type Authentication, createAuthentication } from './authentication/authenticate.ts'
import { bootstrap, type BootstrapInput, type Bootstrapped } from './bootstrap.ts'
import { BUILT_IN_SERVICES, type Catalog, type CatalogService, createCatalog } from './catalog.ts'
import { contextOf } from './context.ts'
import {
  type ApplicationCredentials,
  createApplicationCredentials,
} from './credentials/application-credentials.ts'
import { createEc2Credentials, type Ec2Credentials } from './credentials/ec2-credentials.ts'
import { createGroups, type Groups } from './groups/groups.ts'
import { createDomains, type Domains } from './domains/domains.ts'
import { createPasswords } from './passwords.ts'
import { createProjects, type Projects } from './projects/projects.ts'
import { createRoles, type Roles } from './roles/roles.ts'
import type { TokenInfo } from './tokens/token.ts'
import { createTokens, type Tokens } from './tokens/tokens.ts'
import { createUsers, type Users } from './users/users.ts'

export interface IdentityConfig {
  /** Life of a token. Keystone's default is 3600. */
  readonly token_expiration_s: number
  /** bcrypt's cost, see `createPasswords`. */
  readonly password_hash_rounds: number
  readonly region: string
  /** Absent: the services this cloud has built in. */
  readonly services?: readonly CatalogService[]
}

export interface IdentityOptions {
  readonly db: GlobalDb
  readonly clock: Clock
  readonly log: Logger
  readonly config: IdentityConfig
  /** Tells other processes at once what was revoked; without it they poll every two seconds. */
  readonly bus?: Pick<Bus, 'broadcast' | 'listen'>
  /** The rule `context_is_admin` of the operator's policy. Absent: whoever has the role `admin`. */
  readonly isAdmin?: (ctx: RequestContext) => boolean
}

export interface Identity extends Authentication, Pick<Tokens, 'revokeToken' | 'rotateKeys'> {
  /** Fills an empty identity once; see `bootstrap`. */
  bootstrap(input: BootstrapInput): Promise<Bootstrapped>
  /**
   * What a token says. Needs no query, so it answers while the database is away.
   * @throws {Problem} unauthorized for a token that is unknown, expired or revoked
   */
  verify(token: string): TokenInfo
  contextOf(info: TokenInfo, requestId: string): RequestContext
  readonly users: Users
  readonly groups: Groups
  readonly projects: Projects
  readonly domains: Domains
  readonly roles: Roles
  readonly assignments: Assignments
  readonly applicationCredentials: ApplicationCredentials
  readonly ec2Credentials: Ec2Credentials
  readonly catalog: Catalog
  /** Stops watching for keys and revocations. */
  close(): Promise<void>
}

/** Identity v3 on the global database: who exists, with which rights where, and the tokens that say so. */
export async function createIdentity(options: IdentityOptions): Promise<Identity> {
  const { db, clock, log, config, bus, isAdmin = hasAdminRole } = options
  const lifetime_s = config.token_expiration_s
  const passwords = createPasswords(config.password_hash_rounds)
  const tokens = await createTokens({ db, clock, log, bus, lifetime_s })
  const directory = { db, tokens, passwords }

  return {
    ...createAuthentication({ db, clock, log, passwords, tokens, lifetime_s }),
    bootstrap: (input) => bootstrap({ db, passwords }, input),
    verify: tokens.verify,
    revokeToken: tokens.revokeToken,
    rotateKeys: tokens.rotateKeys,
    contextOf: (info, requestId) => contextOf(info, requestId, isAdmin),
    users: createUsers(directory),
    groups: createGroups(directory),
    projects: createProjects(directory),
    domains: createDomains(directory),
    roles: createRoles(directory),
    assignments: createAssignments(directory),
    applicationCredentials: createApplicationCredentials(directory),
    ec2Credentials: createEc2Credentials(directory),
    catalog: createCatalog(config.region, config.services ?? BUILT_IN_SERVICES),
    close: tokens.close,
  }
}

function hasAdminRole({ roles }: RequestContext): boolean {
  return roles.some((role) => role.toLowerCase() === 'admin')
}
