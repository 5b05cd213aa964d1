import { CONSOLE_TICKET_HEADER, CONSOLE_WINDOW_BYTES } from '../../src/contracts/index.ts'
import type { Console, ConsoleEvents } from '../drivers/driver.ts'
import { DriverError } from '../drivers/driver.ts'

export interface RelayTarget {
  /** `ws://…` of the API process at which somebody waits for the console. */
  readonly url: string
  readonly ticket: string
}

const DIAL_DEADLINE_MS = 10_000
/** What a guest that does not read leaves unsent is bounded by its viewer: a person's keys. This much is none. */
const MAX_MESSAGE_BYTES = 1024 * 1024
const GOING_AWAY = 1001

/**
 * Brings a console to its viewer. Resolves when both ends are joined; from then on the end of one is that of the other.
 *
 * @param open opens the console. It is called when the viewer's end stands, so that nobody loses a serial line to a
 * viewer who is not there.
 * @throws {DriverError} where either end cannot be had.
 */
export async function relayConsole(
  open: (events: ConsoleEvents) => Promise<Console>,
  target: RelayTarget,
): Promise<void> {
  const socket = await dial(target)
  let console: Console | undefined
  /** Bytes that may still be sent before the viewer has read some. */
  let credit = CONSOLE_WINDOW_BYTES
  const close = (): void => {
    console?.close()
    socket.close()
  }
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') return grant(Number(data))
    if (data.byteLength > MAX_MESSAGE_BYTES) return close()
    console?.write(new Uint8Array(data))
  }
  socket.onclose = () => console?.close()

  function grant(bytes: number): void {
    // A number that is none would leave the console paused for ever.
    if (!Number.isSafeInteger(bytes) || bytes < 0) return close()
    credit += bytes
    if (credit > 0) console?.resume()
  }

  try {
    console = await open({
      data(bytes) {
        socket.send(bytes)
        credit -= bytes.length
        if (credit <= 0) console?.pause()
      },
      end: () => socket.close(GOING_AWAY, 'The console has ended.'),
    })
  } catch (error) {
    socket.close()
    throw error
  }
  // The viewer may have left, or bytes may have come, while the console was opened.
  if (socket.readyState !== WebSocket.OPEN) return console.close()
  if (credit <= 0) console.pause()
}

function dial({ url, ticket }: RelayTarget): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  const socket = new WebSocket(url, { headers: { [CONSOLE_TICKET_HEADER]: ticket } })
  socket.binaryType = 'arraybuffer'
  const fail = (): void => {
    socket.close()
    reject(new DriverError('The host cannot reach the console relay.', { kind: 'unavailable' }))
  }
  const timer = setTimeout(fail, DIAL_DEADLINE_MS)
  socket.onopen = () => resolve(socket)
  socket.onerror = fail
  socket.onclose = fail
  return promise.finally(() => clearTimeout(timer))
}
