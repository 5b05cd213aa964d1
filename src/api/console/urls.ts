import type { ConsoleKind } from '../../contracts/index.ts'

export const CONSOLE_PREFIX = '/console'
/** Where a viewer opens its websocket, and where a host does. */
export const VIEWER_PATH = '/websockify'
export const HOST_PATH = '/host'

/**
 * Where a person opens a console: the screen as a page, in the form that noVNC's proxy of Nova has it; the serial line
 * as a websocket, which is what clients of Nova expect.
 *
 * @param origin of the API as the client reached it: `http://192.0.2.1:8774`
 * @param base `[vnc] novncproxy_base_url` or `[serial_console] base_url`, where an operator has set it.
 */
export function consoleUrl(kind: ConsoleKind, token: string, origin: string, base: string | undefined): string {
  if (kind === 'vnc') {
    const page = base ?? `${origin}${CONSOLE_PREFIX}/vnc_auto.html`
    return `${page}?path=${encodeURIComponent(`?token=${token}`)}`
  }
  const socket = base ?? `${origin.replace(/^http/, 'ws')}${CONSOLE_PREFIX}${VIEWER_PATH}`
  return `${socket}?token=${token}`
}

/** @param api `http://address:port` of this process for hosts. */
export const relayUrl = (api: string): string => `${api.replace(/^http/, 'ws')}${CONSOLE_PREFIX}${HOST_PATH}`
