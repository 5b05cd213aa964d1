import type { ConsoleKind, QueryAnswer } from '../../../src/contracts/index.ts'
import { CONSOLE_FORCE, type Domain, type Libvirt } from '../../libvirt/index.ts'
import { type Console, type ConsoleEvents, DriverError } from '../driver.ts'
import { inNamespace } from '../../network/index.ts'
import { elements, parseXml } from './xml.ts'

const CONNECT_DEADLINE_MS = 5_000

/** Opens a guest's console: the serial line through libvirt, the screen where QEMU listens for it. */
export function openConsole(
  libvirt: Libvirt,
  dom: Domain,
  kind: ConsoleKind,
  events: ConsoleEvents,
  namespace: string | null,
): Promise<Console> {
  return kind === 'serial' ? openSerial(libvirt, dom, events) : openScreen(libvirt, dom, events, namespace)
}

/** The serial line comes through libvirt and has no address of its own. */
export async function consoleAddress(
  libvirt: Libvirt,
  dom: Domain,
  kind: ConsoleKind,
): Promise<QueryAnswer<'console_address'>> {
  if (kind === 'vnc') {
    const { listen, port } = await screen(libvirt, dom)
    return { host: listen, port }
  }
  const { hostname } = await libvirt.call('connectGetHostname', {})
  return { host: hostname, port: null }
}

async function openSerial(libvirt: Libvirt, dom: Domain, events: ConsoleEvents): Promise<Console> {
  const stream = await libvirt.openStream(
    'domainOpenConsole',
    { dom, devName: null, flags: CONSOLE_FORCE },
    { data: events.data, end: () => events.end() },
  )
  return { write: stream.write, pause: stream.pause, resume: stream.resume, close: stream.abort }
}

async function openScreen(
  libvirt: Libvirt,
  dom: Domain,
  events: ConsoleEvents,
  namespace: string | null,
): Promise<Console> {
  const { listen, port } = await screen(libvirt, dom)
  let unsent: Uint8Array[] = []
  let ended = false
  const end = (): void => {
    if (ended) return
    ended = true
    events.end()
  }
  // A socket is of the namespace that it is made in, which happens before anything is waited for.
  const { connecting } = inNamespace(namespace, () => ({
    connecting: Bun.connect({
      hostname: reachable(listen),
      port,
      socket: { data: (_, bytes) => events.data(bytes), drain: flush, close: end, error: end },
    }),
  }))
  const socket = await within(CONNECT_DEADLINE_MS, connecting)

  function flush(): void {
    while (unsent[0]) {
      const written = Math.max(0, socket.write(unsent[0]))
      if (written < unsent[0].length) return void (unsent[0] = unsent[0].subarray(written))
      unsent = unsent.slice(1)
    }
  }

  return {
    write(bytes) {
      unsent.push(bytes)
      if (unsent.length === 1) flush()
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close() {
      ended = true
      socket.end()
    },
  }
}

/** Where QEMU listens now: the port is chosen when the guest starts. */
async function screen(libvirt: Libvirt, dom: Domain): Promise<{ listen: string; port: number }> {
  const { xml } = await libvirt.call('domainGetXmlDesc', { dom, flags: 0 })
  const graphics = elements(parseXml(xml), 'devices', 'graphics').find(({ attributes }) => attributes.type === 'vnc')
  const port = Number(graphics?.attributes.port)
  if (!graphics) throw new DriverError('The guest has no screen.', { kind: 'unsupported' })
  if (!(port > 0)) throw new DriverError('The guest does not run.', { kind: 'not_found' })
  return { listen: graphics.attributes.listen ?? '127.0.0.1', port }
}

/** What listens everywhere also listens here. */
const reachable = (listen: string): string => (listen === '0.0.0.0' ? '127.0.0.1' : listen === '::' ? '::1' : listen)

async function within<T>(deadline_ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new DriverError('The screen does not answer.', { kind: 'unavailable' })), deadline_ms)
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}
