import { open } from 'node:fs/promises'
import { DriverError } from '../drivers/driver.ts'
import { writeAll } from './write-all.ts'

/** What a new overlay stands on. Both names go into its header, so that nothing ever guesses the format. */
export interface OverlayBase {
  readonly path: string
  readonly format: 'raw' | 'qcow2'
}

const CLUSTER_BITS = 16
const CLUSTER = 2 ** CLUSTER_BITS
const HEADER_BYTES = 104
const BACKING_FORMAT_EXTENSION = 0xe2792aca
/** One cluster of 8-byte entries maps 8192 clusters. */
const BYTES_PER_L1_ENTRY = (CLUSTER / 8) * CLUSTER
/** QEMU's own limit of the first-level table; it allows disks of 2 PiB. */
const MAX_L1_ENTRIES = (32 * 2 ** 20) / 8

/**
 * Creates an empty qcow2 overlay of `size_bytes`: a header, the tables that say where data is, and no data. It is what
 * `qemu-img create -b` writes, without starting a process for each guest.
 *
 * @throws {DriverError} a size that qcow2 cannot have.
 */
export async function createOverlay(path: string, base: OverlayBase, size_bytes: number): Promise<void> {
  const l1Entries = Math.ceil(size_bytes / BYTES_PER_L1_ENTRY)
  if (size_bytes <= 0 || l1Entries > MAX_L1_ENTRIES) {
    throw new DriverError('A disk cannot have the size of this flavor.')
  }
  const l1Clusters = Math.max(1, Math.ceil((l1Entries * 8) / CLUSTER))
  const refcountTable = CLUSTER
  const refcountBlock = 2 * CLUSTER
  const l1Table = 3 * CLUSTER
  const clusters = 3 + l1Clusters

  const file = await open(path, 'wx', 0o600)
  try {
    await writeAll(file, header({ base, size_bytes, l1Entries, l1Table, refcountTable }), 0)
    await writeAll(file, bigEndian(8, [refcountBlock]), refcountTable)
    await writeAll(file, bigEndian(2, Array<number>(clusters).fill(1)), refcountBlock)
    // The rest are zeros: tables without entries.
    await file.truncate(clusters * CLUSTER)
  } finally {
    await file.close()
  }
}

interface Layout {
  base: OverlayBase
  size_bytes: number
  l1Entries: number
  l1Table: number
  refcountTable: number
}

/** Version 3 header, the extension that names the backing format, and the backing file's name. */
function header({ base, size_bytes, l1Entries, l1Table, refcountTable }: Layout): Uint8Array {
  const name = new TextEncoder().encode(base.path)
  const format = new TextEncoder().encode(base.format)
  const nameOffset = HEADER_BYTES + 8 + 8 + 8
  if (name.length > 1023) throw new DriverError('The path of the image cache is too long.')

  const bytes = new Uint8Array(nameOffset + name.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x514649fb)
  view.setUint32(4, 3)
  view.setBigUint64(8, BigInt(nameOffset))
  view.setUint32(16, name.length)
  view.setUint32(20, CLUSTER_BITS)
  view.setBigUint64(24, BigInt(size_bytes))
  view.setUint32(36, l1Entries)
  view.setBigUint64(40, BigInt(l1Table))
  view.setBigUint64(48, BigInt(refcountTable))
  view.setUint32(56, 1)
  view.setUint32(96, 4)
  view.setUint32(100, HEADER_BYTES)
  view.setUint32(HEADER_BYTES, BACKING_FORMAT_EXTENSION)
  view.setUint32(HEADER_BYTES + 4, format.length)
  bytes.set(format, HEADER_BYTES + 8)
  bytes.set(name, nameOffset)
  return bytes
}

function bigEndian(width: 2 | 8, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * width)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => {
    if (width === 2) view.setUint16(index * 2, value)
    else view.setBigUint64(index * 8, BigInt(value))
  })
  return bytes
}
