import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectImage } from '../../src/platform/disk-image/index.ts'
import { has } from '../../test/support/requirements.ts'
import { DriverError } from '../drivers/driver.ts'
import { createOverlay } from './qcow2-overlay.ts'

const MIB = 1024 ** 2
let directory: string
let base: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'overlay-'))
  base = join(directory, 'base')
  await Bun.write(base, new Uint8Array(2 * MIB).fill(0x42))
})
afterAll(() => rm(directory, { recursive: true }))

/** From a disk of one sector to the largest that qcow2 has; each puts its tables elsewhere. */
const sizes = [512, 20 * MIB, 1024 * MIB, 513 * MIB * 1024, 5 * MIB ** 2, 2 * 1024 * MIB ** 2 - 512]

describe('a qcow2 overlay', () => {
  test('is what the inspector takes for a qcow2 file over its base', async () => {
    const path = join(directory, 'inspected')
    await createOverlay(path, { path: base, format: 'raw' }, 20 * MIB)
    const bytes = await Bun.file(path).bytes()
    const facts = await inspectImage({ size: bytes.length, read: async (at, length) => bytes.slice(at, at + length) })
    expect(facts).toMatchObject({ format: 'qcow2', virtual_size_bytes: 20 * MIB, backing_file: base, data_file: null })
  })

  test('takes hardly any space, whatever its size', async () => {
    const path = join(directory, 'sparse')
    await createOverlay(path, { path: base, format: 'raw' }, 5 * MIB ** 2)
    expect((await Bun.file(path).stat()).blocks * 512).toBeLessThan(64 * 1024)
  })

  test('is not made of a size that qcow2 cannot have, or over a file that is there', async () => {
    const over = { path: base, format: 'raw' } as const
    for (const size of [0, 4 * 1024 ** 5]) {
      await expect(createOverlay(join(directory, 'none'), over, size)).rejects.toBeInstanceOf(DriverError)
    }
    await expect(createOverlay(base, over, MIB)).rejects.toThrow('EEXIST')
  })
})

describe.if(has('qemu-img'))('a qcow2 overlay, says qemu-img,', () => {
  for (const size of sizes) {
    test(`is sound at ${size} bytes, before and after the guest has written`, async () => {
      const path = join(directory, `overlay-${size}`)
      await createOverlay(path, { path: base, format: 'raw' }, size)
      const info = JSON.parse(await qemu('qemu-img', 'info', '-f', 'qcow2', '--output=json', path))
      expect(info).toMatchObject({ 'virtual-size': size, 'backing-filename': base, 'backing-filename-format': 'raw' })
      expect(await qemu('qemu-img', 'check', '-f', 'qcow2', path)).toContain('No errors')

      const end = Math.min(size, 400 * MIB)
      const io = ['-f', 'qcow2', '-c', 'read -P 0x42 0 512', '-c', `write -P 0x17 ${end - 512} 512`]
      expect(await qemu('qemu-io', ...io, '-c', `read -P 0x17 ${end - 512} 512`, path)).not.toContain('failed')
      expect(await qemu('qemu-img', 'check', '-f', 'qcow2', path)).toContain('No errors')
    })
  }
})

async function qemu(...command: string[]): Promise<string> {
  const process = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' })
  const [output, complaint] = await Promise.all([process.stdout.text(), process.stderr.text()])
  expect(complaint).toBe('')
  return output
}
