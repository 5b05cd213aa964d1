import { type Clock, systemClock } from '../../src/kernel/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import {
  CALL_DEADLINE_MS,
  type Connection,
  type ConnectionHandlers,
  openConnection,
  type Stream,
  type StreamHandlers,
} from './connection.ts'
import { LibvirtUnavailable } from './errors.ts'
import type { Args, LibvirtEvent, ProcedureName, Result } from './protocol.ts'
import { parseConnectionUri } from './uri.ts'

const RECONNECT_FIRST_MS = 100
const RECONNECT_MOST_MS = 5_000

/** libvirt on this host, over whatever connection stands at the moment. */
export interface Libvirt {
  /**
   * Calls a procedure; connects first where no connection stands. What was under way when a connection broke is not
   * sent again: the caller knows whether that would be right.
   *
   * @throws {LibvirtError} libvirt's answer. @throws {LibvirtUnavailable} no daemon, or no answer in time.
   */
  call<P extends ProcedureName>(name: P, args: Args<P>, options?: { deadline_ms?: number }): Promise<Result<P>>
  /**
   * Calls a procedure that answers with a stream, on a connection of its own: a reader who pauses holds nobody up. The
   * connection goes with the stream, and with this client. @throws as `call`.
   */
  openStream<P extends ProcedureName>(name: P, args: Args<P>, handlers: StreamHandlers): Promise<Stream>
  close(): void
}

export interface LibvirtOptions {
  /** `[libvirt] connection_uri`. */
  uri: string
  log: Logger
  /** Wants to hear of guests. Then a lost connection is made again without a call. */
  listener?: LibvirtListener
  clock?: Clock
}

export interface LibvirtListener {
  event(event: LibvirtEvent): void
  /** Called after each connect, with events flowing again: what happened in between has to be asked for. */
  connected(): void
}

/**
 * A client that keeps a connection to the daemon until it is closed. It connects at the first call.
 *
 * @throws {TypeError} when the URI is not one of a local QEMU.
 */
export function createLibvirt({ uri, log, listener, clock = systemClock }: LibvirtOptions): Libvirt {
  const address = parseConnectionUri(uri, process.env)
  const stop = new AbortController()
  let current: Connection | undefined
  let connecting: Promise<Connection> | undefined
  /** Of streams that are open. */
  const own = new Set<Connection>()

  function connection(): Promise<Connection> {
    if (stop.signal.aborted) return Promise.reject(new LibvirtUnavailable('the connection to libvirt was closed'))
    if (current) return Promise.resolve(current)
    connecting ??= anySocket(connectTo).finally(() => (connecting = undefined))
    return connecting
  }

  /** Connects to the first socket where a daemon listens. */
  async function anySocket(connectTo: (path: string) => Promise<Connection>): Promise<Connection> {
    const failures: Error[] = []
    for (const path of address.sockets) {
      try {
        return await connectTo(path)
      } catch (error) {
        failures.push(error as Error)
      }
    }
    const reasons = failures.map(({ message }) => message).join('; ')
    throw new LibvirtUnavailable(`libvirt cannot be reached: ${reasons}`, { cause: new AggregateError(failures) })
  }

  async function connectTo(path: string): Promise<Connection> {
    let lost: Error | undefined
    const opened = await openConnection(path, address.name, {
      event: listener && ((event) => listener.event(event)),
      closed(reason) {
        lost = reason
        if (!current || stop.signal.aborted) return
        current = undefined
        log.warn({ err: reason }, 'lost the connection to libvirt')
        if (listener) void reconnect()
      },
    })
    if (stop.signal.aborted) opened.close()
    if (lost) throw lost
    current = opened
    log.info({ socket: path }, 'connected to libvirt')
    listener?.connected()
    return opened
  }

  /** Events matter also when nobody calls, so the way back is not left to the next call. */
  async function reconnect(): Promise<void> {
    for (let wait_ms = RECONNECT_FIRST_MS; !current && !stop.signal.aborted; ) {
      await clock.sleep(wait_ms, stop.signal)
      await connection().catch(() => {})
      wait_ms = Math.min(wait_ms * 2, RECONNECT_MOST_MS)
    }
  }

  async function openStream<P extends ProcedureName>(
    name: P,
    args: Args<P>,
    handlers: StreamHandlers,
  ): Promise<Stream> {
    const unheard: ConnectionHandlers = { closed: () => void own.delete(connection) }
    const connection = await anySocket((path) => openConnection(path, address.name, unheard))
    own.add(connection)
    const end = (reason: Error | null): void => {
      handlers.end(reason)
      connection.close()
    }
    try {
      if (stop.signal.aborted) throw new LibvirtUnavailable('the connection to libvirt was closed')
      const stream = await connection.openStream(name, args, { ...handlers, end })
      return {
        ...stream,
        abort() {
          stream.abort()
          connection.close()
        },
      }
    } catch (error) {
      connection.close()
      throw error
    }
  }

  return {
    openStream,
    async call(name, args, options = {}) {
      const deadline_ms = options.deadline_ms ?? CALL_DEADLINE_MS
      return (await connection()).call(name, args, { deadline_ms })
    },
    close() {
      stop.abort()
      current?.close()
      for (const connection of own) connection.close()
    },
  }
}
