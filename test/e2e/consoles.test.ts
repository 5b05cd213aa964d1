import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { hostConfig, type LibvirtHost, startLibvirtHost } from '../lab/index.ts'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { startBrowser } from '../support/browser.ts'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { eventually } from '../support/eventually.ts'
import { has } from '../support/requirements.ts'

type Console = 'serial' | 'novnc'

const PROTOCOLS = { serial: 'serial', novnc: 'vnc' }

async function active(api: ApiClient, name: string, image: string, flavor: string): Promise<string> {
  const id = await api.create(name, image, flavor)
  await eventually(async () => {
    const { server } = await api.get<{ server: { status: string } }>(`/compute/v2.1/servers/${id}`)
    expect(server.status).toBe('ACTIVE')
  })
  return id
}

/** Asks for a console. */
async function consoleUrl(api: ApiClient, server: string, type: Console): Promise<string> {
  const answer = await api.request('POST', `/compute/v2.1/servers/${server}/remote-consoles`, {
    body: { remote_console: { protocol: PROTOCOLS[type], type } },
    headers: { 'openstack-api-version': 'compute 2.6' },
  })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { remote_console: { url: string } }).remote_console.url
}

/** A websocket to a console, with what came. */
function view(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, { headers })
  socket.binaryType = 'arraybuffer'
  const seen = { text: '', bytes: 0, closed: null as { code: number; reason: string } | null }
  socket.onmessage = ({ data }) => {
    seen.bytes += data.byteLength
    seen.text = (seen.text + Buffer.from(data).toString('latin1')).slice(-100_000)
  }
  socket.onclose = ({ code, reason }) => (seen.closed = { code, reason })
  const opened = new Promise<boolean>((resolve) => {
    socket.addEventListener('open', () => resolve(true))
    socket.addEventListener('close', () => resolve(false))
  })
  return { socket, seen, opened }
}

describe('a console', () => {
  let cloud: CloudProcess
  let api: ApiClient
  let image: string
  let flavor: string

  beforeAll(async () => {
    cloud = await startCloudProcess({ args: ['--compute-driver', 'fake'], config: '[console]\nallowed_origins = horizon.example\n' })
    api = await apiClient(cloud)
    ;({ image, flavor } = await api.prepare())
  })
  afterAll(() => cloud?.remove())

  test('of a serial line shows what the guest says and takes what is typed', async () => {
    const server = await active(api, 'typed', image, flavor)
    const { socket, seen } = view(await consoleUrl(api, server, 'serial'))
    await eventually(async () => expect(seen.text).toEndWith('typed login: '))
    socket.send('who')
    socket.send(new TextEncoder().encode(' goes there'))
    await eventually(async () => expect(seen.text).toEndWith('login: who goes there'))
    socket.close()
  })

  test('opens once', async () => {
    const server = await active(api, 'once', image, flavor)
    const url = await consoleUrl(api, server, 'serial')
    const first = view(url)
    expect(await first.opened).toBe(true)
    expect(await view(url).opened).toBe(false)
    first.socket.close()
    expect(await view(url).opened).toBe(false)
  })

  test('ends with its server, and its token with it', async () => {
    const server = await active(api, 'short-lived', image, flavor)
    const unused = await consoleUrl(api, server, 'serial')
    const { seen, opened } = view(await consoleUrl(api, server, 'serial'))
    expect(await opened).toBe(true)
    await api.delete(`/compute/v2.1/servers/${server}`)
    await eventually(async () => expect(seen.closed).toEqual({ code: 1001, reason: 'The console has ended.' }))
    expect(await view(unused).opened).toBe(false)
  })

  test('is not opened by a page of another site', async () => {
    const server = await active(api, 'foreign', image, flavor)
    const url = await consoleUrl(api, server, 'serial')
    expect(await view(url, { origin: 'http://evil.example' }).opened).toBe(false)
    const horizon = view(url, { origin: 'https://horizon.example' })
    expect(await horizon.opened).toBe(true)
    horizon.socket.close()
  })

  test('is not to be had by guessing, nor brought by who was not asked', async () => {
    const base = cloud.url.replace('http', 'ws')
    for (const token of ['', 'x', 'A'.repeat(32), 'A'.repeat(1000), '%00']) {
      expect(await view(`${base}/console/websockify?token=${token}`).opened).toBe(false)
    }
    expect(await view(`${base}/console/host`, { 'x-console-ticket': 'A'.repeat(43) }).opened).toBe(false)
    expect((await fetch(`${cloud.url}/console/websockify?token=x`)).status).toBe(400)
    expect((await fetch(`${cloud.url}/console//evil.example`, { redirect: 'manual' })).status).toBe(404)
  })

  test('of a server that does not run is refused', async () => {
    const server = await active(api, 'off', image, flavor)
    await api.request('POST', `/compute/v2.1/servers/${server}/action`, { body: { 'os-stop': null } })
    await eventually(async () => {
      const { server: found } = await api.get<{ server: { status: string } }>(`/compute/v2.1/servers/${server}`)
      expect(found.status).toBe('SHUTOFF')
    })
    const answer = await api.request('POST', `/compute/v2.1/servers/${server}/remote-consoles`, {
      body: { remote_console: { protocol: 'vnc', type: 'novnc' } },
      headers: { 'openstack-api-version': 'compute 2.6' },
    })
    expect(answer.status).toBe(409)
  })

  test('of a kind that no host has is refused by name', async () => {
    const server = await active(api, 'spicy', image, flavor)
    const answer = await api.request('POST', `/compute/v2.1/servers/${server}/action`, {
      body: { 'os-getSPICEConsole': { type: 'spice-html5' } },
    })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('Unavailable console type spice-html5.')
  })

  test('has its token in no log', async () => {
    const server = await active(api, 'secret', image, flavor)
    const url = await consoleUrl(api, server, 'novnc')
    const token = /token%3D(.+)$/.exec(url)![1]!
    expect((await fetch(url)).status).toBe(200)
    const socket = view(`${cloud.url.replace('http', 'ws')}/console/websockify?token=${token}`)
    expect(await socket.opened).toBe(true)
    socket.socket.close()
    for (const log of ['nova-novncproxy.log', 'nova-api.log', 'nova-compute.log']) {
      const text = await Bun.file(join(cloud.statePath, 'log', log)).text()
      expect(text).not.toContain(token)
    }
  })

  test('can be looked up by an admin, and stays good', async () => {
    const server = await active(api, 'looked-up', image, flavor)
    const url = await consoleUrl(api, server, 'novnc')
    const token = /token%3D(.+)$/.exec(url)![1]!
    const answer = await api.request('GET', `/compute/v2.1/os-console-auth-tokens/${token}`, {
      headers: { 'openstack-api-version': 'compute 2.31' },
    })
    expect(answer.status).toBe(200)
    expect(((await answer.json()) as { console: { instance_uuid: string } }).console.instance_uuid).toBe(server)
    expect(await view(`${cloud.url.replace('http', 'ws')}/console/websockify?token=${token}`).opened).toBe(true)
  })
})

interface Picture {
  readonly width: number
  readonly colours: number
}

/** What the page shows of the guest: how wide its screen is, and how many colours it has. */
const picture = (page: Page): Promise<Picture> =>
  page.evaluate<Picture>(`(() => {
    const canvas = document.querySelector('canvas')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    return { width: canvas.width, colours: new Set(new Uint32Array(data.buffer)).size }
  })()`)

describe.if(has('libvirt', 'chromium'))('the screen of a guest on QEMU', () => {
  let host: LibvirtHost
  let cloud: CloudProcess
  let api: ApiClient
  let browser: Browser
  let server: string

  beforeAll(async () => {
    host = await startLibvirtHost()
    cloud = await startCloudProcess({
      args: ['--compute-driver', 'libvirt'],
      config: hostConfig(host),
    })
    api = await apiClient(cloud)
    const { flavor } = await api.prepare()
    server = await active(api, 'looked at', await api.upload('tiny', 'qcow2', makeTinyImage()), flavor)
    browser = await startBrowser()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await cloud?.remove()
    await host?.stop()
  }, 60_000)

  test('is seen in a browser', async () => {
    const page = await browser.newPage()
    const url = await consoleUrl(api, server, 'novnc')
    await page.goto(url)
    await page.getByText('Connected').waitFor()
    // Text on a dark screen: the guest counts its boots and the seconds.
    await eventually(async () => expect((await picture(page)).colours).toBeGreaterThan(1))
    expect((await picture(page)).width).toBeGreaterThan(300)
    await page.goto(url)
    await page.getByText('No console: the token was used before or has expired').waitFor()
    await page.close()
  }, 60_000)

  test('has a serial line beside it', async () => {
    const { socket, seen } = view(await consoleUrl(api, server, 'serial'))
    await eventually(async () => expect(seen.text).toMatch(/tick \d+/))
    // The guest restarts at this key, and counts its boots.
    socket.send('r')
    await eventually(async () => expect(seen.text).toContain('tiny-guest boot=2'))
    const second = view(await consoleUrl(api, server, 'serial'))
    await eventually(async () => expect(seen.closed?.code).toBe(1001))
    second.socket.close()
  })

  test('closes when the guest is gone', async () => {
    const page = await browser.newPage()
    await page.goto(await consoleUrl(api, server, 'novnc'))
    await page.getByText('Connected').waitFor()
    await api.delete(`/compute/v2.1/servers/${server}`)
    await page.getByText('The console has ended.').waitFor()
  }, 60_000)
})
