import { describe, expect, test } from 'bun:test'
import { CONSOLE_WINDOW_BYTES } from '../../contracts/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { SocketPeer } from '../../platform/http/index.ts'
import { createRelay } from './relay.ts'

/** One end of a console, with what was sent to it. */
function end() {
  const state = { got: [] as (string | number)[], keepsUp: true, closed: null as number | null }
  const peer: SocketPeer = {
    send(data) {
      state.got.push(typeof data === 'string' ? data : data.length)
      return state.keepsUp
    },
    close: (code) => void (state.closed ??= code),
  }
  return { ...state, peer, state }
}

async function joined() {
  const relay = createRelay()
  const [viewer, host] = [end(), end()]
  let brought = ''
  const ofViewer = relay.viewer(async (ticket) => {
    brought = ticket
    ofHost = relay.host(ticket)
    ofHost.open(host.peer)
  })
  let ofHost!: ReturnType<typeof relay.host>
  ofViewer.open(viewer.peer)
  await Promise.resolve()
  return { relay, viewer, host, ofViewer, ofHost, ticket: brought }
}

describe('a relay', () => {
  test('grants a host what its viewer has read, and nothing while it reads slowly', async () => {
    const { viewer, host, ofViewer, ofHost } = await joined()
    ofHost.message(new Uint8Array(1000))
    expect(host.state.got).toEqual(['1000'])
    viewer.state.keepsUp = false
    ofHost.message(new Uint8Array(2000))
    ofHost.message(new Uint8Array(500))
    expect(host.state.got).toEqual(['1000'])
    viewer.state.keepsUp = true
    ofViewer.drain()
    expect(host.state.got).toEqual(['1000', '2500'])
    expect(viewer.state.got).toEqual([1000, 2000, 500])
  })

  test('gives up a host that sends more than it was granted', async () => {
    const { viewer, host, ofHost } = await joined()
    viewer.state.keepsUp = false
    for (let sent = 0; sent < CONSOLE_WINDOW_BYTES + 3 * 1024 * 1024; sent += 64 * 1024) {
      ofHost.message(new Uint8Array(64 * 1024))
    }
    expect(host.state.closed).toBe(1009)
  })

  test('takes a ticket once, and no other', async () => {
    const { relay, ticket } = await joined()
    expect(() => relay.host(ticket)).toThrow(Problem)
    expect(() => relay.host('')).toThrow('Nobody waits')
  })

  test('keeps what a viewer says early for the host, up to a bound', async () => {
    const relay = createRelay()
    const [viewer, host] = [end(), end()]
    const { promise, resolve } = Promise.withResolvers<string>()
    const ofViewer = relay.viewer(async (ticket) => resolve(ticket))
    ofViewer.open(viewer.peer)
    ofViewer.message('key')
    relay.host(await promise).open(host.peer)
    expect(host.state.got).toEqual([3])

    const chatty = createRelay().viewer(() => new Promise(() => {}))
    const other = end()
    chatty.open(other.peer)
    for (let sent = 0; sent < 3; sent++) chatty.message(new Uint8Array(32 * 1024))
    expect(other.state.closed).toBe(1009)
  })

  test('closes the one end when the other closes, and counts what is open', async () => {
    const one = await joined()
    expect(one.relay.open).toBe(1)
    one.ofHost.close()
    expect(one.viewer.state.closed).toBe(1001)
    const two = await joined()
    two.ofViewer.close()
    expect(two.host.state.closed).toBe(1000)
    expect(two.relay.open).toBe(0)
  })

  test('says why a console could not be opened, and no more than is fit to be said', async () => {
    const relay = createRelay()
    const closed: string[] = []
    for (const error of [new Problem('unavailable', 'The host is away.'), new Error('ECONNREFUSED 10.0.0.7')]) {
      const peer: SocketPeer = { send: () => true, close: (_code, reason) => closed.push(reason) }
      relay.viewer(() => Promise.reject(error)).open(peer)
    }
    await Bun.sleep(0)
    expect(closed).toEqual(['The host is away.', 'The console could not be opened.'])
  })
})
