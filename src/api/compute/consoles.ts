import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import type { ConsoleKind } from '../../contracts/index.ts'
import { badRequest, Problem } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { ConsoleProtocol, ConsoleType, Many } from './fields.ts'
import { action, type Asked, bodyShape, queryShape, resource, route } from './route.ts'
import { type ServerSubject, serverSubject } from './servers.ts'
import { consoleAddress } from './views/consoles.ts'

export interface ConsolesConfig {
  /** The address of a console for whoever asked, from its token. */
  readonly consoleUrl: (kind: ConsoleKind, token: string, origin: string) => string
}

const RemoteConsole = bodyShape(
  'remote_console',
  {
    protocol: ConsoleProtocol('mks'),
    type: ConsoleType('webmks', 'spice-direct'),
  },
  (remote_console) => closed({ remote_console }),
)

const ofType = (key: string, ...types: string[]) =>
  bodyShape(`server.${key}`, { [key]: closed({ type: T.Union(types.map((type) => T.Literal(type))) }) }, (inner) => inner)

const TokenQuery = queryShape('console_token', { tls_port: Many(T.String()) })

/** The consoles that there are, by protocol and type; the schemas know more words than any cloud has consoles. */
const KINDS: Readonly<Record<string, ConsoleKind>> = { 'vnc novnc': 'vnc', 'serial serial': 'serial' }

/** Screens and serial lines of servers. */
export function consoles(compute: Compute, { consoleUrl }: ConsolesConfig) {
  const subject = serverSubject(compute)
  const policy = 'os_compute_api:os-remote-consoles'

  async function urlOf({ call }: Asked, { located }: ServerSubject, protocol: string, type: string): Promise<string> {
    const kind = KINDS[`${protocol} ${type}`]
    if (!kind) throw badRequest(`Unavailable console type ${type}.`)
    const token = await compute.consoles.create(located, kind, type)
    return consoleUrl(kind, token, new URL(call.baseUrl).origin)
  }

  /** Until 2.5 each protocol had an action of its own. */
  const legacy = (key: string, protocol: string, ...types: string[]) =>
    action('/servers/:server_id/action', key, {
      until: '2.5',
      policy,
      subject,
      body: ofType(key, ...types),
      ok: 200,
      async handle(req) {
        const { type } = (req.body as Record<string, { type: string }>)[key]!
        return { console: { type, url: await urlOf(req, req.subject, protocol, type) } }
      },
    })

  return resource('consoles', [
    route('POST', '/servers/:server_id/remote-consoles', {
      since: '2.6',
      policy,
      subject,
      body: RemoteConsole,
      ok: 200,
      async handle(req) {
        const { protocol, type } = req.body.remote_console
        return { remote_console: { protocol, type, url: await urlOf(req, req.subject, protocol, type) } }
      },
    }),
    legacy('os-getVNCConsole', 'vnc', 'novnc', 'xvpvnc'),
    legacy('os-getSPICEConsole', 'spice', 'spice-html5'),
    legacy('os-getSerialConsole', 'serial', 'serial'),

    route('GET', '/os-console-auth-tokens/:token', {
      policy: 'os_compute_api:os-console-auth-tokens',
      query: TokenQuery,
      ok: 200,
      async handle(req) {
        // Until then only RDP consoles could be looked up, and there are none.
        if (!req.does('console-tokens-of-any-type')) {
          throw new Problem('unauthorized', 'The requested console type details are not accessible')
        }
        return { console: req.as(consoleAddress, await compute.consoles.show(req.params.token!)) }
      },
    }),
  ])
}
