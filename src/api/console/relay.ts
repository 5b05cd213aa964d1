import { randomBytes } from 'node:crypto'
import { CONSOLE_WINDOW_BYTES } from '../../contracts/index.ts'
import { Problem, unavailable } from '../../kernel/index.ts'
import type { SocketHandlers, SocketPeer } from '../../platform/http/index.ts'

/** Joins a viewer's websocket and a host's, and carries bytes between them. */
export interface Relay {
  /**
   * @param bring has the host open its websocket and show this ticket. What it throws closes the viewer's.
   * @throws {Problem} unavailable: too many are open here.
   */
  viewer(bring: (ticket: string) => Promise<void>): SocketHandlers
  /** @throws {Problem} unauthorized: nobody waits with this ticket. */
  host(ticket: string): SocketHandlers
  /** Consoles that are open or being opened. */
  readonly open: number
}

interface Session {
  viewer: SocketPeer | null
  host: SocketPeer | null
  /** What the viewer sent before the host was there. */
  early: Uint8Array[]
  earlyBytes: number
  /** From the host and not yet read by the viewer: to be granted anew. */
  unread: number
}

const MAX_OPEN = 1000
/** Before the console is there a viewer says a word or two. */
const MAX_EARLY_BYTES = 64 * 1024
const TICKET_BYTES = 32
/** A host that was granted a byte sends the whole of what it has read at once. */
const MOST_UNREAD_BYTES = CONSOLE_WINDOW_BYTES + 1024 * 1024

/** Codes of RFC 6455. */
const NORMAL = 1000
const GOING_AWAY = 1001
const TOO_MUCH = 1009
const FAILED = 1011

export function createRelay(): Relay {
  /** Sessions whose host is still to come, by ticket. */
  const waiting = new Map<string, Session>()
  let open = 0

  return {
    get open() {
      return open
    },

    viewer(bring) {
      if (open >= MAX_OPEN) throw unavailable('Too many consoles are open here. Try again later.')
      const session: Session = { viewer: null, host: null, early: [], earlyBytes: 0, unread: 0 }
      const ticket = randomBytes(TICKET_BYTES).toString('base64url')
      return {
        open(peer) {
          open++
          session.viewer = peer
          waiting.set(ticket, session)
          bring(ticket).then(
            () => session.host ?? peer.close(FAILED, 'The console could not be opened.'),
            (error: unknown) => peer.close(FAILED, wordsOf(error)),
          )
        },
        message(data) {
          const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
          if (session.host) return void session.host.send(bytes)
          session.early.push(bytes)
          session.earlyBytes += bytes.length
          if (session.earlyBytes > MAX_EARLY_BYTES) session.viewer?.close(TOO_MUCH, 'Too much before the console is open.')
        },
        drain: () => grant(session),
        close() {
          open--
          session.viewer = null
          waiting.delete(ticket)
          session.host?.close(NORMAL, '')
        },
      }
    },

    host(ticket) {
      const session = waiting.get(ticket)
      if (!session) throw new Problem('unauthorized', 'Nobody waits for this console.')
      waiting.delete(ticket)
      return {
        open(peer) {
          if (!session.viewer) return peer.close(NORMAL, '')
          session.host = peer
          for (const bytes of session.early) peer.send(bytes)
          session.early = []
        },
        message(data) {
          if (typeof data === 'string') return
          session.unread += data.length
          if (session.unread > MOST_UNREAD_BYTES) return session.host?.close(TOO_MUCH, 'More than was granted.')
          if (session.viewer?.send(data)) grant(session)
        },
        drain() {},
        close() {
          session.host = null
          session.viewer?.close(GOING_AWAY, 'The console has ended.')
        },
      }
    },
  }
}

function grant(session: Session): void {
  if (session.unread === 0) return
  session.host?.send(String(session.unread))
  session.unread = 0
}

/** Fits into a close frame. */
function wordsOf(error: unknown): string {
  return error instanceof Problem && error.message.length <= 120 ? error.message : 'The console could not be opened.'
}
