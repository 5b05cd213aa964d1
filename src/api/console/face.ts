import type { Consoles } from '../../compute/index.ts'
import { CONSOLE_TICKET_HEADER } from '../../contracts/index.ts'
import { forbidden, Problem } from '../../kernel/index.ts'
import { type Call, type Face, STATUS } from '../../platform/http/index.ts'
import { pageRoutes } from './pages.ts'
import { createRelay } from './relay.ts'
import { CONSOLE_PREFIX, HOST_PATH, VIEWER_PATH } from './urls.ts'

export interface ConsoleFaceOptions {
  readonly consoles: Consoles
  /** `ws://…/console/host` of this very process, as hosts reach it. Asked for when it listens. */
  readonly relayUrl: () => string
  /** `[console] allowed_origins`: hosts of other pages that may open a console, beside this one's own. */
  readonly allowedOrigins: readonly string[]
}

/** A token is 32 characters; what is longer is none. */
const MAX_TOKEN = 64
/** What clients of VNC over websockets may ask for; it is what we speak in any case. */
const PROTOCOL = 'binary'

/** Screens and serial lines of guests for people, below `/console`: the pages, and the relay to the hosts. */
export function consoleFace({ consoles, relayUrl, allowedOrigins }: ConsoleFaceOptions): Face {
  const relay = createRelay()

  /** A page of another site must not open a console with what its visitor can reach. */
  function assertOrigin({ request }: Call): void {
    const origin = request.headers.get('origin')
    if (origin === null) return
    const host = URL.parse(origin)?.host
    const known = [request.headers.get('host'), ...allowedOrigins]
    if (!host || !known.includes(host)) throw forbidden('Pages of this origin may not open consoles.')
  }

  return {
    name: 'nova-novncproxy',
    prefix: CONSOLE_PREFIX,
    routes: pageRoutes(),
    sockets: [
      {
        path: VIEWER_PATH,
        async accept(call) {
          assertOrigin(call)
          const token = call.query.get('token') ?? ''
          if (token === '' || token.length > MAX_TOKEN) throw new Problem('unauthorized', 'The console needs a token.')
          const { server_id, bring } = await consoles.open(token)
          const handlers = relay.viewer(async (ticket) => {
            await bring({ url: relayUrl(), ticket }).catch((error: unknown) => {
              call.log.warn({ instance: server_id, err: error }, 'a console could not be opened')
              throw error
            })
          })
          call.log.info({ instance: server_id }, 'a console is opened')
          return offers(call) ? { ...handlers, protocol: PROTOCOL } : handlers
        },
      },
      { path: HOST_PATH, accept: ({ request }) => relay.host(request.headers.get(CONSOLE_TICKET_HEADER) ?? '') },
    ],
    fault: ({ kind, message }) => ({
      status: STATUS[kind][0],
      raw: `${message}\n`,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    }),
  }
}

const offers = ({ request }: Call): boolean =>
  (request.headers.get('sec-websocket-protocol') ?? '').split(',').some((name) => name.trim() === PROTOCOL)
