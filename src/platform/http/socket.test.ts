import { afterEach, describe, expect, test } from 'bun:test'
import { eventually } from '../../../test/support/eventually.ts'
import { forbidden } from '../../kernel/index.ts'
import { silentLog } from '../log/index.ts'
import { type HttpServer, type HttpSocket, serve, type SocketPeer } from './index.ts'

let server: HttpServer
afterEach(() => server.stop({ deadline_s: 1 }))

async function start(accept: HttpSocket['accept']): Promise<string> {
  server = await serve({
    faces: [
      {
        name: 'nova-api',
        prefix: '/console',
        routes: [],
        sockets: [{ path: '/:name', accept }],
        fault: ({ kind }) => ({ status: kind === 'forbidden' ? 403 : 400 }),
      },
    ],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => silentLog },
  })
  return `${server.url.replace('http', 'ws')}/console`
}

const nothing = { open() {}, message() {}, drain() {}, close() {} }

function dial(url: string): Promise<WebSocket | null> {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  return new Promise((resolve) => {
    socket.onopen = () => resolve(socket)
    socket.onclose = () => resolve(null)
  })
}

describe('a websocket of a face', () => {
  test('carries text and bytes both ways', async () => {
    const url = await start(({ params }) => {
      let peer: SocketPeer
      return {
        ...nothing,
        open(opened) {
          peer = opened
          peer.send(`hello ${params.name}`)
        },
        message: (data) => void peer.send(data),
      }
    })
    const socket = (await dial(`${url}/you`))!
    const heard: unknown[] = []
    socket.onmessage = ({ data }) => heard.push(typeof data === 'string' ? data : [...new Uint8Array(data)])
    socket.send('text')
    socket.send(Uint8Array.of(1, 2))
    await eventually(async () => expect(heard.slice(-2)).toEqual(['text', [1, 2]]))
  })

  test('is refused as any other request, and plain requests are too', async () => {
    const url = await start(({ params }) => {
      if (params.name === 'bad') throw forbidden('No.')
      return nothing
    })
    expect(await dial(`${url}/bad`)).toBeNull()
    const http = url.replace('ws', 'http')
    const handshake = { connection: 'upgrade', upgrade: 'websocket' }
    expect((await fetch(`${http}/bad`, { headers: handshake })).status).toBe(403)
    expect((await fetch(`${http}/good`, { headers: handshake })).status).toBe(400)
    expect((await fetch(`${http}/good`)).status).toBe(400)
  })

  test('tells a sender when its client does not keep up, and when it does again', async () => {
    const peers: SocketPeer[] = []
    let drained = 0
    const url = await start(() => ({ ...nothing, open: (peer) => peers.push(peer), drain: () => drained++ }))
    const socket = (await dial(`${url}/slow`))!
    let read = 0
    socket.onmessage = ({ data }) => (read += data.byteLength)
    await eventually(async () => expect(peers).toHaveLength(1))
    const chunk = new Uint8Array(64 * 1024)
    let sent = 0
    // In one go, so that the client has no chance to read.
    do sent += chunk.length
    while (peers[0]!.send(chunk) && sent < 64 * 1024 * 1024)
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    await eventually(async () => expect(drained).toBeGreaterThan(0))
    await eventually(async () => expect(read).toBe(sent))
  })

  test('is closed when the server stops, which does not wait for it', async () => {
    const url = await start(() => nothing)
    const socket = (await dial(`${url}/open`))!
    const closed = new Promise<number>((resolve) => (socket.onclose = ({ code }) => resolve(code)))
    await server.stop({ deadline_s: 30 })
    expect(await closed).toBe(1001)
  })
})
