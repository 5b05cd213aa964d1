import { Problem } from '../../kernel/index.ts'
import type { Face, HttpRoute } from './http.ts'

/** A route as Elysia gets it. */
export interface MountedRoute {
  readonly route: HttpRoute
  readonly face: Face
  /** Absolute, without trailing slash, each parameter named by its place: `/compute/v2.1/servers/:s3`. */
  readonly path: string
  /** Each parameter's name by place and its own: `['s3', 'id']`. */
  readonly params: readonly (readonly [place: string, name: string])[]
  /** Matches the paths of the route whatever the method. */
  readonly pattern: RegExp
}

/**
 * Elysia's router wants parameters at one place to have one name over all routes; two resources of one API often
 * disagree (`/servers/:id`, `/servers/:server_id/os-interface`), so places get names of their own.
 */
export function mount(face: Face, route: HttpRoute): MountedRoute {
  const params: [string, string][] = []
  const steps = `${face.prefix}${route.path}`.split('/').filter((step) => step !== '')
  const path = steps.map((step, place) => {
    if (!step.startsWith(':')) return step
    params.push([`s${place}`, step.slice(1)])
    return `:s${place}`
  })
  const pattern = steps.map((step) => (step.startsWith(':') ? '[^/]+' : RegExp.escape(step)))
  return { route, face, params, path: `/${path.join('/')}`, pattern: new RegExp(`^/${pattern.join('/')}/?$`) }
}

/** The parameters under the route's own names, or nothing where one is not valid percent-encoding. */
export function ownParams(
  { params }: MountedRoute,
  found: Readonly<Record<string, string | null>> | undefined,
): Record<string, string> | undefined {
  const own: Record<string, string> = {}
  for (const [place, name] of params) {
    const value = found?.[place]
    if (value === undefined || value === null) return undefined
    own[name] = value
  }
  return own
}

/** The face with the longest prefix of `path`. */
export function faceOf(faces: readonly Face[], path: string): Face | undefined {
  let best: Face | undefined
  for (const face of faces) {
    const owns = face.prefix === '' || path === face.prefix || path.startsWith(`${face.prefix}/`)
    if (owns && (!best || face.prefix.length > best.prefix.length)) best = face
  }
  return best
}

/** Why no route answered: the path is unknown, or only the method is (then `details.allow` lists the others). */
export function missProblem(routes: readonly MountedRoute[], path: string, method: string): Problem {
  const allow = new Set<string>()
  for (const { pattern, route } of routes) {
    if (!pattern.test(path)) continue
    allow.add(route.method)
    if (route.method === 'GET') allow.add('HEAD')
  }
  if (allow.size === 0 || allow.has(method)) return new Problem('not_found', 'The resource could not be found.')
  return new Problem('method_not_allowed', `The method ${method} is not allowed for this resource.`, {
    details: { allow: [...allow].sort() },
  })
}
