import type { ImageTarget } from '../../../src/contracts/index.ts'
import { DriverError } from '../driver.ts'

const CLUSTER_BITS = 16
const CLUSTER = 2 ** CLUSTER_BITS
const HEADER_BYTES = 104
/** One cluster of 8-byte entries maps 8192 clusters. */
const BYTES_PER_L1_ENTRY = (CLUSTER / 8) * CLUSTER
const GIB = 2 ** 30

/** A simulated guest has no disk to upload: its image is a blank one of the size that the disk would have. */
export async function uploadBlankImage(target: ImageTarget, root_gb: number, signal: AbortSignal): Promise<void> {
  const body = target.disk_format === 'qcow2' ? blankQcow2(Math.max(root_gb, 1) * GIB) : new Uint8Array(512)
  try {
    const headers = { 'content-type': 'application/octet-stream', ...target.headers }
    const answer = await fetch(target.url, { method: 'PUT', headers, body, redirect: 'error', signal })
    await answer.body?.cancel()
    if (!answer.ok) throw new Error(`HTTP status ${answer.status}`)
  } catch (cause) {
    signal.throwIfAborted()
    throw new DriverError('The image could not be uploaded to the image service.', { kind: 'unavailable', cause })
  }
}

/** A qcow2 file without data: header, reference counts, and a first-level table of zeros. */
function blankQcow2(virtual_size_bytes: number): Uint8Array<ArrayBuffer> {
  const l1Entries = Math.ceil(virtual_size_bytes / BYTES_PER_L1_ENTRY)
  const clusters = 3 + Math.ceil((l1Entries * 8) / CLUSTER)
  const bytes = new Uint8Array(clusters * CLUSTER)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x514649fb)
  view.setUint32(4, 3)
  view.setUint32(20, CLUSTER_BITS)
  view.setBigUint64(24, BigInt(virtual_size_bytes))
  view.setUint32(36, l1Entries)
  view.setBigUint64(40, BigInt(3 * CLUSTER))
  view.setBigUint64(48, BigInt(CLUSTER))
  view.setUint32(56, 1)
  view.setUint32(96, 4)
  view.setUint32(100, HEADER_BYTES)
  view.setBigUint64(CLUSTER, BigInt(2 * CLUSTER))
  for (let cluster = 0; cluster < clusters; cluster++) view.setUint16(2 * CLUSTER + 2 * cluster, 1)
  return bytes
}
