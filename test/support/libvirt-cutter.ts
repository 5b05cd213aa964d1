import { createServer, connect, type Socket } from 'node:net'
import { rmSync } from 'node:fs'
import { frameSplitter, FrameType } from '../../agent/libvirt/frames.ts'
import { procedures, type ProcedureName, REMOTE_PROGRAM } from '../../agent/libvirt/protocol.ts'

const names = new Map(Object.entries(procedures).map(([name, { number }]) => [number, name as ProcedureName]))
/** Calls that leave everything as it is. */
const LOOKS = /^(authList|connect|node|domainLookup|domainGet|domainHas)/

/** A door to libvirtd that can be watched, and shut in a caller's face. */
export interface LibvirtCutter {
  readonly socket: string
  /** The calls that changed something, since the last `arm`. */
  readonly changes: readonly ProcedureName[]
  /**
   * From now on counts changes anew; at the one with this number, from 0, calls `cut`, before it goes through to
   * libvirt or after its answer is there.
   */
  arm(at: number | null, when: 'before' | 'after', cut: () => void): void
  stop(): void
}

export function startLibvirtCutter(upstream: string, socket: string): LibvirtCutter {
  let changes: ProcedureName[] = []
  let armed: { at: number | null; when: 'before' | 'after'; cut: () => void } = { at: null, when: 'before', cut: () => {} }
  const open = new Set<Socket>()

  const server = createServer((caller) => {
    const daemon = connect(upstream)
    let fatal: number | null = null
    const watch = frameSplitter(({ program, type, procedure, serial }) => {
      const name = program === REMOTE_PROGRAM && type === FrameType.call ? names.get(procedure) : undefined
      if (!name || LOOKS.test(name)) return
      if (changes.push(name) - 1 === armed.at) fatal = serial
    })
    const answers = frameSplitter(({ type, serial }) => {
      if (type === FrameType.reply && serial === fatal) armed.cut()
    })
    caller.on('data', (data: Buffer) => {
      watch(data)
      if (fatal !== null && armed.when === 'before') return armed.cut()
      daemon.write(data)
    })
    daemon.on('data', (data: Buffer) => {
      answers(data)
      if (fatal === null) caller.write(data)
    })
    for (const [one, other] of [[caller, daemon], [daemon, caller]] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
    }
  })
  server.listen(socket)

  return {
    socket,
    get changes() {
      return changes
    },
    arm(at, when, cut) {
      changes = []
      armed = { at, when, cut }
    },
    stop() {
      server.close()
      for (const each of open) each.destroy()
      rmSync(socket, { force: true })
    },
  }
}
