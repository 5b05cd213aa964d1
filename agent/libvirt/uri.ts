/** Where a libvirt URI leads: the sockets to try in order, and the name to open there. */
export interface LibvirtAddress {
  readonly sockets: readonly string[]
  /** The URI as the daemon knows it, without transport and client options. */
  readonly name: string
}

/**
 * Reads `[libvirt] connection_uri`: `qemu:///system`, `qemu:///session`, `qemu+unix:///system?socket=/path`. The
 * modular daemon is tried before the monolithic one.
 *
 * @throws {TypeError} for anything that is not QEMU over a unix socket.
 */
export function parseConnectionUri(uri: string, env: Record<string, string | undefined> = {}): LibvirtAddress {
  const url = URL.canParse(uri) ? new URL(uri) : null
  const session = url?.pathname === '/session'
  const local = url?.host === '' && /^qemu(\+unix)?:$/.test(url.protocol) && /^\/(system|session)$/.test(url.pathname)
  if (!url || !local) {
    throw new TypeError(`connection_uri ${uri}: expected qemu:///system, with ?socket=/path for a socket of its own`)
  }
  const name = `qemu://${url.pathname}`
  const socket = url.searchParams.get('socket')
  if (socket) return { sockets: [socket], name }
  const directory = session ? `${env.XDG_RUNTIME_DIR ?? '/run'}/libvirt` : '/run/libvirt'
  return { sockets: ['virtqemud-sock', 'libvirt-sock'].map((file) => `${directory}/${file}`), name }
}
