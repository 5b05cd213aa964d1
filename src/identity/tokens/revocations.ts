import { grantSubject, SYSTEM_SCOPE_ID, type TokenInfo } from './token.ts'

/**
 * What can be taken back before its time: one token, everything of a user, the roles granted in one scope, all tokens
 * for a project or of a domain, all that carry a role, all made with an application credential.
 */
export type RevocationKind = 'token' | 'user' | 'grant' | 'project' | 'domain' | 'role' | 'credential'

export interface Revocation {
  readonly tick: number
  readonly kind: RevocationKind
  readonly subject: string
  readonly expiresAt_s: number
}

/** The revocations in force, in memory, so that a token is checked without a query. */
export interface RevocationList {
  /** Tick of the newest revocation it knows. */
  readonly lastTick: number
  /** Takes in newer revocations, and forgets those that no living token can match. */
  update(added: readonly Revocation[], now_s: number): void
  has(info: TokenInfo): boolean
}

export function createRevocationList(): RevocationList {
  const inForce = new Map<string, Revocation>()
  let lastTick = 0

  return {
    get lastTick() {
      return lastTick
    },
    update(added, now_s) {
      for (const [key, revocation] of inForce) if (revocation.expiresAt_s < now_s) inForce.delete(key)
      for (const revocation of added) {
        // Rows come in the order of their ticks, so the later of two for one subject replaces the earlier.
        inForce.set(subjectKey(revocation.kind, revocation.subject), revocation)
        lastTick = Math.max(lastTick, revocation.tick)
      }
    },
    has(info) {
      if (inForce.size === 0) return false
      return subjectsOf(info).some(([kind, subject]) => {
        const revocation = inForce.get(subjectKey(kind, subject))
        return revocation !== undefined && revocation.tick > info.tick
      })
    },
  }
}

/** All subjects whose revocation ends this token. */
export function subjectsOf(info: TokenInfo): [RevocationKind, string][] {
  const subjects: [RevocationKind, string][] = [
    ['token', info.auditIds[0]],
    ['user', info.user.id],
    ['domain', info.user.domain.id],
    ...info.roles.map((role): [RevocationKind, string] => ['role', role.id]),
  ]
  if (info.applicationCredential) subjects.push(['credential', info.applicationCredential.id])
  const { scope, user } = info
  switch (scope.kind) {
    case 'project':
      subjects.push(['project', scope.project.id], ['domain', scope.project.domain.id])
      subjects.push(['grant', grantSubject(user.id, 'project', scope.project.id)])
      break
    case 'domain':
      subjects.push(['domain', scope.domain.id], ['grant', grantSubject(user.id, 'domain', scope.domain.id)])
      break
    case 'system':
      subjects.push(['grant', grantSubject(user.id, 'system', SYSTEM_SCOPE_ID)])
      break
    case 'unscoped':
      break
  }
  return subjects
}

function subjectKey(kind: RevocationKind, subject: string): string {
  return `${kind} ${subject}`
}
