import { afterEach, describe, expect, test } from 'bun:test'
import type { Server, ServerWebSocket } from 'bun'
import { eventually } from '../../test/support/eventually.ts'
import { CONSOLE_TICKET_HEADER, CONSOLE_WINDOW_BYTES } from '../../src/contracts/index.ts'
import type { ConsoleEvents } from '../drivers/driver.ts'
import { DriverError } from '../drivers/driver.ts'
import { relayConsole } from './relay.ts'

let api: Server<undefined>
afterEach(() => api?.stop(true))

/** The API's end: takes one websocket. */
function listen(ticket = 'ticket') {
  const end = { got: 0, viewer: null as ServerWebSocket | null, closed: false }
  api = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, server) {
      const known = request.headers.get(CONSOLE_TICKET_HEADER) === ticket
      return known && server.upgrade(request) ? undefined : new Response(null, { status: 401 })
    },
    websocket: {
      open: (socket) => void (end.viewer = socket),
      message: (_socket, data) => void (end.got += data.length),
      close: () => void (end.closed = true),
    },
  })
  return { end, target: { url: `ws://127.0.0.1:${api.port}/`, ticket } }
}

/** A console that notes what is done to it. */
function guest() {
  const noted = { written: '', paused: false, closed: false, events: null as ConsoleEvents | null }
  const open = async (events: ConsoleEvents) => {
    noted.events = events
    return {
      write: (bytes: Uint8Array) => void (noted.written += Buffer.from(bytes).toString()),
      pause: () => void (noted.paused = true),
      resume: () => void (noted.paused = false),
      close: () => void (noted.closed = true),
    }
  }
  return { noted, open }
}

describe('the relay of a console', () => {
  test('pauses a guest that says more than is read, until more is granted', async () => {
    const { end, target } = listen()
    const { noted, open } = guest()
    await relayConsole(open, target)
    noted.events!.data(new Uint8Array(CONSOLE_WINDOW_BYTES - 1))
    expect(noted.paused).toBe(false)
    noted.events!.data(new Uint8Array(10))
    expect(noted.paused).toBe(true)
    await eventually(async () => expect(end.got).toBe(CONSOLE_WINDOW_BYTES + 9))
    end.viewer!.send('9')
    end.viewer!.send(new TextEncoder().encode('keys'))
    await eventually(async () => expect(noted.written).toBe('keys'))
    expect(noted.paused).toBe(true)
    end.viewer!.send('1')
    await eventually(async () => expect(noted.paused).toBe(false))
  })

  test('ends when either end does', async () => {
    const one = listen()
    const first = guest()
    await relayConsole(first.open, one.target)
    one.end.viewer!.close()
    await eventually(async () => expect(first.noted.closed).toBe(true))
    api.stop(true)

    const two = listen()
    const second = guest()
    await relayConsole(second.open, two.target)
    second.noted.events!.end()
    await eventually(async () => expect(two.end.closed).toBe(true))
  })

  test('opens no console for a viewer that is not there', async () => {
    const { target } = listen()
    const { noted, open } = guest()
    const refused = relayConsole(open, { ...target, ticket: 'another' })
    await expect(refused).rejects.toThrow('The host cannot reach the console relay.')
    expect(noted.events).toBeNull()
  })

  test('leaves no viewer behind for a console that cannot be opened', async () => {
    const { end, target } = listen()
    const open = () => Promise.reject(new DriverError('The guest has no screen.', { kind: 'unsupported' }))
    await expect(relayConsole(open, target)).rejects.toThrow('The guest has no screen.')
    await eventually(async () => expect(end.closed).toBe(true))
  })

  test('ends at a grant that is no number', async () => {
    const { end, target } = listen()
    const { noted, open } = guest()
    await relayConsole(open, target)
    end.viewer!.send('many')
    await eventually(async () => expect(noted.closed).toBe(true))
  })
})
