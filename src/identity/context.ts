import type { RequestContext } from '../kernel/index.ts'
import type { TokenInfo } from './tokens/token.ts'

/** Who asks, in the form use cases take. */
export function contextOf(
  info: TokenInfo,
  requestId: string,
  isAdmin: (roles: readonly string[]) => boolean,
): RequestContext {
  const { user, scope } = info
  const roles = info.roles.map((role) => role.name)
  const project = scope.kind === 'project' ? scope.project : undefined
  return {
    requestId,
    userId: user.id,
    userName: user.name,
    userDomainId: user.domain.id,
    projectId: project?.id ?? '',
    projectName: project?.name ?? '',
    projectDomainId: project?.domain.id ?? '',
    roles,
    isAdmin: isAdmin(roles),
    systemScope: scope.kind === 'system' ? 'all' : null,
  }
}
