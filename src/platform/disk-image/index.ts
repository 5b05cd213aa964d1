import { type ImageBytes, type ImageFacts, type ImageFormat, UnsafeImage, MAX_VIRTUAL_SIZE_BYTES } from './facts.ts'
import { Header } from './header.ts'
import { inspectQcow2 } from './qcow2.ts'
import { describedVmdk, inspectVmdk } from './vmdk.ts'

export { type ImageBytes, type ImageFacts, type ImageFormat, UnsafeImage } from './facts.ts'

/** Headers of all formats but ISO end within. */
const START_BYTES = 4096
const ISO_MAGIC_OFFSET = 0x8001

/**
 * Tells from its bytes what an image is, with a few bounded reads and without ever running a tool on it.
 *
 * Nothing outside decides the format: a name or a declared format is what an attacker would lie about. OSSA-2024-001 and
 * the advisories before it are each a header that made a privileged process read a file of the host.
 * @throws only what `source.read` throws
 */
export async function inspectImage(source: ImageBytes): Promise<ImageFacts> {
  const start = await Header.read(source, 0, START_BYTES)
  const facts = await byMagic(source, start)
  const isIso = (await Header.read(source, ISO_MAGIC_OFFSET, 5)).startsWith('CD001')
  if (!isIso) return facts ?? plain('raw', source.size)
  if (facts === null) return plain('iso', source.size)
  return { ...facts, unsafe: [...facts.unsafe, `it is both ${facts.format} and ISO 9660`] }
}

/** Formats that QEMU would recognise by their first bytes; `null` for what it would take as raw. */
async function byMagic(source: ImageBytes, start: Header): Promise<ImageFacts | null> {
  if (start.startsWith('QFI\xfb')) return start.u32(4) === 1 ? unsupported('qcow') : inspectQcow2(source, start)
  if (start.startsWith('KDMV')) return inspectVmdk(source, start)
  if (start.startsWith('COWD')) return unsupported('vmdk')
  if (isVmdkDescriptor(start)) return describedVmdk()
  if (start.startsWith('conectix')) return inspectVhd(start)
  if (start.u32(0x40, true) === 0xbeda107f) return inspectVdi(start)
  if (start.startsWith('LUKS\xba\xbe')) return { ...plain('luks', source.size), unsafe: ['it is encrypted'] }
  const other = UNSUPPORTED.find(([magic]) => start.startsWith(magic))
  return other ? unsupported(other[1]) : null
}

const UNSUPPORTED: readonly (readonly [magic: string, format: ImageFormat])[] = [
  ['vhdxfile', 'vhdx'],
  ['QED\0', 'qed'],
  ['WithoutFreeSpace', 'parallels'],
  ['WithouFreSpacExt', 'parallels'],
  ['Bochs Virtual HD Image', 'bochs'],
  ['#!/bin/sh\n#V2.0 Format\nmodprobe cloop', 'cloop'],
]

/** QEMU skips comments and blank lines before it looks for `version=`; a `#` line with the title is enough here. */
function isVmdkDescriptor(start: Header): boolean {
  const text = start.latin1(0, 2048)
  if (/^\s*#\s*Disk DescriptorFile/i.test(text)) return true
  return /^(\s*(#[^\n]*)?\n)*\s*version\s*=\s*\d/i.test(text)
}

function inspectVhd(start: Header): ImageFacts {
  const FIXED = 2
  const DYNAMIC = 3
  const type = start.u32(60)
  const unsafe = type === FIXED || type === DYNAMIC ? [] : ['it has a parent image']
  return sized({ ...plain('vhd', start.u64(48)), backing_file: unsafe.length > 0 ? '' : null, unsafe })
}

function inspectVdi(start: Header): ImageFacts {
  const DYNAMIC = 1
  const STATIC = 2
  const type = start.u32(0x4c, true)
  const unsafe = type === DYNAMIC || type === STATIC ? [] : ['it has a parent image']
  return sized({ ...plain('vdi', start.u64(0x170, true)), backing_file: unsafe.length > 0 ? '' : null, unsafe })
}

function sized(facts: ImageFacts): ImageFacts {
  if (facts.virtual_size_bytes <= MAX_VIRTUAL_SIZE_BYTES) return facts
  return { ...facts, unsafe: [...facts.unsafe, 'its virtual size is out of range'] }
}

function plain(format: ImageFormat, size: number): ImageFacts {
  return { format, virtual_size_bytes: size, backing_file: null, data_file: null, unsafe: [] }
}

function unsupported(format: ImageFormat): ImageFacts {
  return { ...plain(format, 0), unsafe: [`the format ${format} is not supported`] }
}

/** Declared formats whose bytes are a raw disk, kernel or ramdisk to QEMU. */
const RAW_LIKE = new Set(['raw', 'ami', 'aki', 'ari'])

/**
 * Refuses an image that is not what it was declared as, or that reaches for anything outside of itself. Called before
 * an image becomes active, and again by a compute host before it uses the bytes it got.
 * @throws {UnsafeImage} with all reasons
 */
export function assertSafe(facts: ImageFacts, declaredFormat: string): void {
  if (facts.unsafe.length > 0) throw new UnsafeImage(`The image cannot be used: ${facts.unsafe.join(', ')}.`)
  // An ISO is a raw disk as well, and may be declared as one.
  const matches = RAW_LIKE.has(declaredFormat)
    ? facts.format === 'raw' || facts.format === 'iso'
    : facts.format === declaredFormat
  if (matches) return
  throw new UnsafeImage(`The image is declared as ${declaredFormat}, but its content is ${facts.format}.`)
}
