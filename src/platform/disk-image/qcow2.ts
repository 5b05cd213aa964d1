import { type ImageBytes, type ImageFacts, MAX_VIRTUAL_SIZE_BYTES } from './facts.ts'
import { Header } from './header.ts'

// https://www.qemu.org/docs/master/interop/qcow2.html
const V2_HEADER_BYTES = 72
const V3_HEADER_BYTES = 104
const EXTERNAL_DATA_FILE = 1n << 2n
/** Dirty, corrupt, external data file, compression type, extended L2. */
const KNOWN_INCOMPATIBLE = 0b11111n
const EXTENSION_END = 0
const EXTENSION_DATA_FILE = 0x44415441
const MAX_EXTENSIONS = 64
/** QEMU's own bounds. */
const MAX_L1_BYTES = 32 * 1024 * 1024
const MAX_BACKING_NAME = 1023
const MAX_SNAPSHOTS = 65_536

/** Reads a qcow2 header of version 2 or 3. */
export async function inspectQcow2(source: ImageBytes, start: Header): Promise<ImageFacts> {
  const unsafe: string[] = []
  const refuse = (when: boolean, reason: string) => void (when && unsafe.push(reason))

  const version = start.u32(4)
  const clusterBits = start.u32(20)
  const virtualSize = start.u64(24)
  const headerLength = version === 3 ? start.u32(100) : V2_HEADER_BYTES
  const features = version === 3 ? start.bits(72) : 0n

  refuse(start.length < V3_HEADER_BYTES, 'its header is cut off')
  refuse(version !== 2 && version !== 3, `it is qcow2 of version ${version}`)
  refuse(clusterBits < 9 || clusterBits > 21, 'its cluster size is out of range')
  refuse(virtualSize > MAX_VIRTUAL_SIZE_BYTES, 'its virtual size is out of range')
  refuse(start.u32(32) !== 0, 'it is encrypted')
  refuse(version === 3 && (headerLength < V3_HEADER_BYTES || headerLength % 8 !== 0), 'its header length is wrong')
  refuse((features & ~KNOWN_INCOMPATIBLE) !== 0n, 'it needs features that are not known')
  refuse((features & 0b10n) !== 0n, 'it is marked as corrupt')
  refuse(version === 3 && start.u32(96) > 6, 'its reference count width is out of range')
  refuse(start.u32(60) > MAX_SNAPSHOTS, 'it has too many internal snapshots')

  const l1Bytes = start.u32(36) * 8
  const l1Offset = start.u64(40)
  const bytesPerL1Entry = 2 ** clusterBits * (2 ** clusterBits / l2EntryBytes(features))
  refuse(l1Bytes > MAX_L1_BYTES, 'its L1 table is too large')
  refuse((l1Bytes / 8) * bytesPerL1Entry < virtualSize, 'its L1 table does not cover its virtual size')
  refuse(l1Bytes > 0 && l1Offset + l1Bytes > source.size, 'its L1 table lies outside of the file')
  refuse(start.u64(48) >= source.size, 'its reference count table lies outside of the file')

  const backingFile = await backingName(source, start)
  refuse(backingFile !== null, 'it has a backing file')
  const dataFile = dataFileName(start, headerLength, features)
  refuse(dataFile !== null, 'it keeps its data in another file')

  return { format: 'qcow2', virtual_size_bytes: virtualSize, backing_file: backingFile, data_file: dataFile, unsafe }
}

const l2EntryBytes = (features: bigint): number => ((features & (1n << 4n)) === 0n ? 8 : 16)

async function backingName(source: ImageBytes, start: Header): Promise<string | null> {
  const offset = start.u64(8)
  const length = start.u32(16)
  // A length without offset, or the other way round, is not what any writer makes: taken as a name, to be refused.
  if (offset === 0 && length === 0) return null
  const name = await Header.read(source, offset, Math.min(length, MAX_BACKING_NAME))
  return name.latin1(0, name.length)
}

/** The name in the header extension; the feature bit counts even where there is no name. */
function dataFileName(start: Header, headerLength: number, features: bigint): string | null {
  let at = headerLength
  for (let count = 0; count < MAX_EXTENSIONS && at + 8 <= start.length; count++) {
    const type = start.u32(at)
    const length = start.u32(at + 4)
    if (type === EXTENSION_DATA_FILE) return start.latin1(at + 8, length)
    if (type === EXTENSION_END) break
    at += 8 + Math.ceil(length / 8) * 8
  }
  return (features & EXTERNAL_DATA_FILE) === 0n ? null : ''
}
