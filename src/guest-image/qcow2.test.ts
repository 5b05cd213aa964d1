import { describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { has } from '../../test/support/requirements.ts'
import { runOrThrow } from '../system/index.ts'
import { writeQcow2 } from './qcow2.ts'

test('the header names version 3, the virtual size and no backing file', () => {
  const view = new DataView(writeQcow2(new Uint8Array(1024 * 1024)).buffer)
  expect(view.getUint32(0)).toBe(0x514649fb)
  expect(view.getUint32(4)).toBe(3)
  expect(view.getBigUint64(8)).toBe(0n)
  expect(view.getBigUint64(24)).toBe(1048576n)
})

test('clusters of zeros take no room', () => {
  const disk = new Uint8Array(64 * 1024 * 1024)
  disk[disk.length - 1] = 1
  expect(writeQcow2(disk).length).toBe(6 * 64 * 1024)
})

describe.if(has('qemu-img'))('QEMU reads what was written', () => {
  test.each([
    ['an empty disk', disk(2 ** 20, []), 16],
    ['a disk with a last cluster that is not full', disk(2 ** 20 + 512, [2 ** 20 + 511]), 16],
    ['small clusters with many tables', disk(2 ** 22, [0, 2 ** 20, 2 ** 21 + 9, 2 ** 22 - 1]), 9],
    ['more clusters than one block of reference counts can count', random(2 ** 20), 9],
  ])('%s', async (_, raw, clusterBits) => {
    const directory = await mkdtemp(join(tmpdir(), 'qcow2-'))
    const [image, original] = [join(directory, 'image'), join(directory, 'raw')]
    try {
      await Bun.write(image, writeQcow2(raw, { clusterBits }))
      await Bun.write(original, raw)
      expect(await runOrThrow(['qemu-img', 'check', '-f', 'qcow2', image])).toContain('No errors were found')
      await runOrThrow(['qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', image, original])
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

function disk(size: number, set: number[]): Uint8Array {
  const bytes = new Uint8Array(size)
  for (const at of set) bytes[at] = 0xa5
  return bytes
}

function random(size: number): Uint8Array {
  let state = 1
  return Uint8Array.from({ length: size }, () => (state = (state * 48271) % 0x7fffffff) & 0xff)
}
