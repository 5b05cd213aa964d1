import { type Console, type ConsoleVerbs, DriverError } from '../driver.ts'
import { consoleLog } from './console.ts'
import type { FakeHost } from './host.ts'
import { createFakeScreen } from './screen.ts'

/** Nobody listens there: a simulated screen is brought like any other, by the agent. */
const FIRST_PORT = 5900

/** Consoles of simulated guests: a grey picture, and a line that shows the boot and then says what it hears. */
export function fakeConsoleVerbs(host: FakeHost): ConsoleVerbs {
  function running(serverId: string) {
    const guest = host.existing(serverId)
    if (guest.power_state === 'shutdown') throw new DriverError('The guest does not run.', { kind: 'not_found' })
    return guest
  }

  return {
    async consoleAddress(serverId, kind) {
      running(serverId)
      return { host: host.name, port: kind === 'vnc' ? FIRST_PORT : null }
    },

    async openConsole(serverId, kind, events): Promise<Console> {
      const guest = running(serverId)
      const tape = pausable(events.data)
      const close = (): void => {
        stopWatching()
        tape.close()
      }
      const end = (): void => {
        close()
        events.end()
      }
      const stopWatching = host.watch(serverId, ({ power_state }) => {
        if (power_state === 'shutdown' || power_state === 'nostate') end()
      })
      if (kind === 'serial') {
        tape.write(new TextEncoder().encode(consoleLog(guest)))
        return { write: tape.write, pause: tape.pause, resume: tape.resume, close }
      }
      const screen = createFakeScreen(guest.name, tape.write)
      const write = (bytes: Uint8Array): void => {
        try {
          screen.receive(bytes)
        } catch {
          end()
        }
      }
      return { write, pause: tape.pause, resume: tape.resume, close }
    },
  }
}

/** Holds back what is written while it is paused. */
function pausable(data: (bytes: Uint8Array) => void) {
  let held: Uint8Array[] | null = null
  let closed = false
  function write(bytes: Uint8Array): void {
    if (closed) return
    if (held) held.push(bytes)
    else data(bytes)
  }
  return {
    write,
    pause: (): void => void (held ??= []),
    resume(): void {
      const all = held ?? []
      held = null
      for (const bytes of all) write(bytes)
    },
    close: (): void => void (closed = true),
  }
}
