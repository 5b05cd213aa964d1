import type { Server, ServerWebSocket } from 'bun'
import type { Call } from './http.ts'

/** A websocket below the face's prefix. */
export interface HttpSocket {
  /** As a route's. */
  readonly path: string
  /**
   * Decides on a client's wish to open one. What it throws is answered as any other failure, and nothing is opened.
   * @returns what becomes of it.
   */
  accept(call: Call): Promise<SocketHandlers> | SocketHandlers
}

export interface SocketHandlers {
  /** The subprotocol, of those that the client offers. */
  readonly protocol?: string
  open(peer: SocketPeer): void
  message(data: Uint8Array | string): void
  /** What `send` could not hand over at once has left. */
  drain(): void
  /** Called once, whoever ended it. */
  close(): void
}

/** The client at the other end. */
export interface SocketPeer {
  /** @returns false while the client does not keep up: whoever sends should wait for `drain`. */
  send(data: Uint8Array | string): boolean
  /** @param reason for the client to show, at most 123 bytes. */
  close(code: number, reason: string): void
}

/** RFC 6455: the server goes away. */
export const GOING_AWAY = 1001
/** Longest message that a client may send, bytes. */
export const MAX_MESSAGE_BYTES = 1024 * 1024
/** A client that leaves so much unread is given up. */
export const MAX_UNREAD_BYTES = 4 * 1024 * 1024

/** What Bun is told of all websockets. */
export const SOCKET_LIMITS = {
  maxPayloadLength: MAX_MESSAGE_BYTES,
  backpressureLimit: MAX_UNREAD_BYTES,
  closeOnBackpressureLimit: true,
  // A minute of silence on both sides is not the end of a console; pings find a client that is gone.
  idleTimeout: 120,
  sendPings: true,
}

/** Elysia hands what happens to a websocket to the functions in its data. */
interface SocketData {
  open(socket: ServerWebSocket<SocketData>): void
  message(socket: ServerWebSocket<SocketData>, data: Uint8Array | string): void
  drain(): void
  close(): void
}

export const asksForSocket = (request: Request): boolean =>
  request.headers.get('upgrade')?.toLowerCase() === 'websocket'

/** The websockets of one server that are open. */
export type OpenSockets = Set<SocketPeer>

/** @returns false where the request does not ask for a websocket. */
export function upgrade(
  server: Server<unknown>,
  request: Request,
  handlers: SocketHandlers,
  open: OpenSockets,
): boolean {
  let peer: SocketPeer | undefined
  const data: SocketData = {
    open(socket) {
      peer = peerOf(socket)
      open.add(peer)
      handlers.open(peer)
    },
    message: (_socket, message) => handlers.message(message),
    drain: () => handlers.drain(),
    close() {
      if (peer) open.delete(peer)
      handlers.close()
    },
  }
  const { protocol } = handlers
  return server.upgrade(request, { data, ...(protocol ? { headers: { 'sec-websocket-protocol': protocol } } : {}) })
}

function peerOf(socket: ServerWebSocket<SocketData>): SocketPeer {
  return {
    // -1: kept until the client reads; 0: lost, because the socket is closing.
    send: (data) => (typeof data === 'string' ? socket.sendText(data) : socket.sendBinary(data)) > 0 || data.length === 0,
    close: (code, reason) => socket.close(code, reason),
  }
}
