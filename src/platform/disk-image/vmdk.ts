import { type ImageBytes, type ImageFacts, MAX_VIRTUAL_SIZE_BYTES } from './facts.ts'
import { Header, MAX_READ_BYTES } from './header.ts'

const SECTOR = 512
const GRAIN_DIRECTORY_AT_END = 0xffffffffffffffffn
/** One file that holds all of the disk; every other type names further files by path. */
const SELF_CONTAINED = ['monolithicSparse', 'streamOptimized']

const OWN_EXTENT = /^(RW|RDONLY) \d+ SPARSE "[^"/\\]+"$/

/** VMDK with a binary header (`KDMV`). Its embedded descriptor is where hostile images name paths of the host. */
export async function inspectVmdk(source: ImageBytes, start: Header): Promise<ImageFacts> {
  const unsafe: string[] = []
  const refuse = (when: boolean, reason: string) => void (when && unsafe.push(reason))
  const virtualSize = start.u64(12, true) * SECTOR
  const descriptorBytes = start.u64(36, true) * SECTOR
  refuse(virtualSize > MAX_VIRTUAL_SIZE_BYTES, 'its virtual size is out of range')
  refuse(descriptorBytes > MAX_READ_BYTES, 'its descriptor is too large')
  refuse(start.bits(56, true) === GRAIN_DIRECTORY_AT_END && !(await footerAgrees(source, start)), 'its footer differs')

  const stretch = await Header.read(source, start.u64(28, true) * SECTOR, descriptorBytes)
  const descriptor = parseDescriptor(stretch.latin1(0, stretch.length))
  refuse(
    !SELF_CONTAINED.includes(descriptor.createType),
    `it is a VMDK of type '${descriptor.createType.slice(0, 32)}'`,
  )
  refuse(descriptor.extents.length !== 1, 'it does not have exactly one extent')
  refuse(!descriptor.extents.every((extent) => OWN_EXTENT.test(extent)), 'an extent names a path')
  refuse(descriptor.parent !== null, 'it has a parent image')
  return {
    format: 'vmdk',
    virtual_size_bytes: virtualSize,
    backing_file: descriptor.parent,
    data_file: null,
    unsafe,
  }
}

/** A text file that only describes where on the host the disk is. */
export function describedVmdk(): ImageFacts {
  return {
    format: 'vmdk',
    virtual_size_bytes: 0,
    backing_file: null,
    data_file: '',
    unsafe: ['it is a VMDK descriptor, which names other files'],
  }
}

/** A stream-optimised image repeats its header 1024 bytes before its end, and that one is what QEMU believes. */
async function footerAgrees(source: ImageBytes, start: Header): Promise<boolean> {
  const footer = await Header.read(source, source.size - 2 * SECTOR, SECTOR)
  const fields = (header: Header) => header.latin1(0, 48)
  return fields(footer) === fields(start)
}

interface Descriptor {
  createType: string
  extents: string[]
  parent: string | null
}

function parseDescriptor(text: string): Descriptor {
  const descriptor: Descriptor = { createType: '', extents: [], parent: null }
  const end = text.indexOf('\0')
  for (const raw of (end === -1 ? text : text.slice(0, end)).split('\n')) {
    const line = raw.trim()
    const setting = /^(\w+)\s*=\s*"?([^"]*)"?$/.exec(line)
    if (setting) {
      const [, key, value] = setting
      // The last one would win in one reader and the first in another: a second type makes the image unknown.
      if (key === 'createType') descriptor.createType = descriptor.createType === '' ? value! : 'ambiguous'
      if (key === 'parentFileNameHint') descriptor.parent = value!
      if (key === 'parentCID' && value!.toLowerCase() !== 'ffffffff') descriptor.parent ??= ''
    } else if (/^(RW|RDONLY|NOACCESS)\b/.test(line)) {
      descriptor.extents.push(line)
    }
  }
  return descriptor
}
