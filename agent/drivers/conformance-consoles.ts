import { expect } from 'bun:test'
import { newId } from '../../src/kernel/index.ts'
import { failure, type Suite } from './conformance-suite.ts'

/** What is promised of consoles. Screens are tried where their address can be reached. */
export function consolesConformance({ driver, promise, withGuest }: Suite): void {
  const open = (serverId: string, noted: { text: string; ended: number }) =>
    driver().openConsole(serverId, 'serial', {
      data: (bytes) => void (noted.text += Buffer.from(bytes).toString('latin1')),
      end: () => void noted.ended++,
    })

  promise('opens the serial line, and tells once when the guest ends', () =>
    withGuest(async ({ server_id }) => {
      const noted = { text: '', ended: 0 }
      const line = await open(server_id, noted)
      line.pause()
      line.resume()
      await driver().powerOff(server_id, 0)
      const deadline = Date.now() + 30_000
      while (noted.ended === 0 && Date.now() < deadline) await Bun.sleep(10)
      expect(noted.ended).toBe(1)
    }),
  )

  promise('does not tell of the end of a console that was closed here', () =>
    withGuest(async ({ server_id }) => {
      const noted = { text: '', ended: 0 }
      const line = await open(server_id, noted)
      line.close()
      await driver().powerOff(server_id, 0)
      expect(noted.ended).toBe(0)
    }),
  )

  promise('knows where the screen is while the guest runs', () =>
    withGuest(async ({ server_id }) => {
      const { host, port } = await driver().consoleAddress(server_id, 'vnc')
      expect(host).not.toBe('')
      expect(port).toBeGreaterThan(0)
      expect((await driver().consoleAddress(server_id, 'serial')).port).toBeNull()
      await driver().powerOff(server_id, 0)
      expect((await failure(driver().consoleAddress(server_id, 'vnc'))).kind).toBe('not_found')
    }),
  )

  promise('has no console of a guest that is not there', async () => {
    const noted = { text: '', ended: 0 }
    expect((await failure(open(newId(), noted))).kind).toBe('not_found')
    expect((await failure(driver().consoleAddress(newId(), 'vnc'))).kind).toBe('not_found')
  })
}
