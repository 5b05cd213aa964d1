import type { RequestContext } from '../kernel/index.ts'
import type { TokenInfo } from './tokens/token.ts'

/**
 * Who asks, in the form use cases take.
 * @param isAdmin decides by a context in which `isAdmin` is still false
 */
export function contextOf(
  info: TokenInfo,
  requestId: string,
  isAdmin: (ctx: RequestContext) => boolean,
): RequestContext {
  const { user, scope } = info
  const roles = info.roles.map((role) => role.name)
  const project = scope.kind === 'project' ? scope.project : undefined
  const ctx: RequestContext = {
    requestId,
    userId: user.id,
    userName: user.name,
    userDomainId: user.domain.id,
    projectId: project?.id ?? '',
    projectName: project?.name ?? '',
    projectDomainId: project?.domain.id ?? '',
    roles,
    isAdmin: false,
    systemScope: scope.kind === 'system' ? 'all' : null,
  }
  return isAdmin(ctx) ? { ...ctx, isAdmin: true } : ctx
}
