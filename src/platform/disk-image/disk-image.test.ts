import { afterAll, describe, expect, test } from 'bun:test'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { has } from '../../../test/support/requirements.ts'
import { assertSafe, type ImageBytes, type ImageFacts, inspectImage, UnsafeImage } from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'disk-image-'))
afterAll(() => rmSync(directory, { recursive: true }))

const GIB = 2 ** 30

/** An image in memory that counts what is read of it. */
function bytes(content: Uint8Array, size = content.length): ImageBytes & { total: number; largest: number } {
  const source = {
    size,
    total: 0,
    largest: 0,
    async read(offset: number, length: number) {
      if (offset < 0 || offset > size) throw new Error(`read outside of the file at ${offset}`)
      source.total += length
      source.largest = Math.max(source.largest, length)
      return content.subarray(offset, offset + length)
    },
  }
  return source
}
const inspect = (content: Uint8Array) => inspectImage(bytes(content))
const text = (content: string) => inspect(Buffer.from(content, 'latin1'))

interface Qcow2 {
  version?: number
  backing?: { offset: number; length: number }
  clusterBits?: number
  size?: bigint
  crypt?: number
  l1Entries?: number
  l1Offset?: number
  features?: bigint
  headerLength?: number
  extensions?: readonly (readonly [type: number, value: string])[]
}

/** A qcow2 header as QEMU writes it for a disk of 1 GiB, with changes. */
function qcow2(change: Qcow2 = {}): Buffer {
  const image = Buffer.alloc(4 * 65_536)
  image.write('QFI\xfb', 'latin1')
  image.writeUInt32BE(change.version ?? 3, 4)
  image.writeBigUInt64BE(BigInt(change.backing?.offset ?? 0), 8)
  image.writeUInt32BE(change.backing?.length ?? 0, 16)
  image.writeUInt32BE(change.clusterBits ?? 16, 20)
  image.writeBigUInt64BE(change.size ?? BigInt(GIB), 24)
  image.writeUInt32BE(change.crypt ?? 0, 32)
  image.writeUInt32BE(change.l1Entries ?? 2, 36)
  image.writeBigUInt64BE(BigInt(change.l1Offset ?? 3 * 65_536), 40)
  image.writeBigUInt64BE(65_536n, 48)
  image.writeUInt32BE(1, 56)
  image.writeBigUInt64BE(change.features ?? 0n, 72)
  image.writeUInt32BE(4, 96)
  image.writeUInt32BE(change.headerLength ?? 104, 100)
  let at = 104
  for (const [type, value] of change.extensions ?? []) {
    image.writeUInt32BE(type, at)
    image.writeUInt32BE(value.length, at + 4)
    image.write(value, at + 8, 'latin1')
    at += 8 + Math.ceil(value.length / 8) * 8
  }
  return image
}

function vmdk(descriptor: string, flags: { atEnd?: boolean; footer?: Buffer } = {}): Buffer {
  const head = Buffer.alloc(512)
  head.write('KDMV', 'latin1')
  head.writeUInt32LE(1, 4)
  head.writeBigUInt64LE(BigInt(GIB / 512), 12)
  head.writeBigUInt64LE(128n, 20)
  head.writeBigUInt64LE(1n, 28)
  head.writeBigUInt64LE(20n, 36)
  head.writeBigUInt64LE(flags.atEnd ? 0xffffffffffffffffn : 21n, 56)
  const image = Buffer.alloc(64 * 512)
  head.copy(image)
  image.write(descriptor, 512, 'latin1')
  if (flags.atEnd) (flags.footer ?? head).copy(image, image.length - 1024)
  return image
}
const sparse = (more = '', type = 'monolithicSparse', extent = 'RW 2097152 SPARSE "disk.vmdk"') =>
  `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="${type}"\n${extent}\n${more}`

function refusals(facts: ImageFacts): string {
  return facts.unsafe.join(', ')
}

describe('qcow2', () => {
  test('a plain image of either version is safe, and its size is the disk’s', async () => {
    for (const version of [2, 3]) {
      const facts = await inspect(qcow2({ version }))
      expect(facts).toEqual({
        format: 'qcow2',
        virtual_size_bytes: GIB,
        backing_file: null,
        data_file: null,
        unsafe: [],
      })
      assertSafe(facts, 'qcow2')
    }
  })

  test('a backing file is named and refused', async () => {
    const image = qcow2({ backing: { offset: 1024, length: 11 } })
    image.write('/etc/passwd', 1024)
    const facts = await inspect(image)
    expect(facts.backing_file).toBe('/etc/passwd')
    expect(() => assertSafe(facts, 'qcow2')).toThrow('it has a backing file')
  })

  test('half a backing file is refused as well', async () => {
    for (const backing of [
      { offset: 1024, length: 0 },
      { offset: 0, length: 11 },
      { offset: 2 ** 40, length: 4e9 },
    ]) {
      expect(refusals(await inspect(qcow2({ backing })))).toContain('it has a backing file')
    }
  })

  test('an external data file is refused by its feature bit and by its name', async () => {
    expect((await inspect(qcow2({ features: 4n }))).data_file).toBe('')
    const named = await inspect(
      qcow2({
        extensions: [
          [0x6803f857, 'x'.repeat(40)],
          [0x44415441, '/dev/sda'],
        ],
      }),
    )
    expect(named.data_file).toBe('/dev/sda')
    for (const image of [qcow2({ features: 4n }), qcow2({ extensions: [[0x44415441, 'x']] })]) {
      expect(refusals(await inspect(image))).toBe('it keeps its data in another file')
    }
  })

  const wrong: [Qcow2, string][] = [
    [{ version: 4 }, 'it is qcow2 of version 4'],
    [{ clusterBits: 8 }, 'its cluster size is out of range'],
    [{ clusterBits: 4_000_000_000 }, 'its cluster size is out of range'],
    [{ size: 2n ** 63n }, 'its virtual size is out of range'],
    [{ crypt: 1 }, 'it is encrypted'],
    [{ features: 1n << 5n }, 'it needs features that are not known'],
    [{ features: 2n }, 'it is marked as corrupt'],
    [{ headerLength: 72 }, 'its header length is wrong'],
    [{ l1Entries: 1 }, 'its L1 table does not cover its virtual size'],
    [{ l1Entries: 2 ** 32 - 1 }, 'its L1 table is too large'],
    [{ l1Offset: 4 * 65_536 }, 'its L1 table lies outside of the file'],
  ]
  test.each(wrong)('%p is refused', async (change, reason) => {
    expect(refusals(await inspect(qcow2(change)))).toContain(reason)
  })

  test('a header that is cut off is refused', async () => {
    expect(refusals(await inspect(qcow2().subarray(0, 50)))).toContain('its header is cut off')
  })
})

describe('vmdk', () => {
  test('types that hold all of their data themselves are safe', async () => {
    const monolithic = await inspect(vmdk(sparse()))
    expect(monolithic).toMatchObject({ format: 'vmdk', virtual_size_bytes: GIB, unsafe: [] })
    expect(refusals(await inspect(vmdk(sparse('', 'streamOptimized'), { atEnd: true })))).toBe('')
  })

  test('anything that names a path of the host is refused', async () => {
    const flat = sparse('', 'monolithicFlat', 'RW 2097152 FLAT "/etc/passwd" 0')
    expect(refusals(await inspect(vmdk(flat)))).toBe("it is a VMDK of type 'monolithicFlat', an extent names a path")
    const sneaky = sparse('', 'monolithicSparse', 'RW 2097152 FLAT "/etc/passwd" 0')
    expect(refusals(await inspect(vmdk(sneaky)))).toBe('an extent names a path')
    const path = sparse('', 'monolithicSparse', 'RW 2097152 SPARSE "../../etc/passwd"')
    expect(refusals(await inspect(vmdk(path)))).toBe('an extent names a path')
    const two = sparse('RW 1 SPARSE "b.vmdk"')
    expect(refusals(await inspect(vmdk(two)))).toBe('it does not have exactly one extent')
    expect((await inspect(vmdk(sparse('parentFileNameHint="/etc/shadow"')))).backing_file).toBe('/etc/shadow')
    expect(refusals(await inspect(vmdk(sparse().replace('ffffffff', '1'))))).toBe('it has a parent image')
    expect(refusals(await inspect(vmdk(sparse('createType="streamOptimized"'))))).toContain("type 'ambiguous'")
  })

  test('a footer that says something else than the header is refused', async () => {
    const image = vmdk(sparse('', 'streamOptimized'), { atEnd: true })
    const footer = Buffer.from(image.subarray(0, 512))
    footer.writeBigUInt64LE(30n, 28)
    const facts = await inspect(vmdk(sparse('', 'streamOptimized'), { atEnd: true, footer }))
    expect(refusals(facts)).toBe('its footer differs')
  })

  test('a descriptor alone is refused, however it begins', async () => {
    const starts = ['# Disk DescriptorFile\n', '#disk descriptorfile\n', '\n# x\n \nversion=1\n', ' version = 1\n']
    for (const start of starts) {
      expect(await text(`${start}RW 1 FLAT "/etc/passwd" 0`)).toMatchObject({ format: 'vmdk', data_file: '' })
    }
  })
})

describe('other formats', () => {
  test('whatever QEMU would not take as raw has its name', async () => {
    const vdi = Buffer.alloc(512)
    vdi.writeUInt32LE(0xbeda107f, 0x40)
    const starts: [Uint8Array, string][] = [
      [vdi, 'vdi'],
      [Buffer.from(`conectix${'\0'.repeat(504)}`), 'vhd'],
      [Buffer.from('vhdxfile'), 'vhdx'],
      [Buffer.from('QFI\xfb\0\0\0\x01', 'latin1'), 'qcow'],
      [Buffer.from('QED\0'), 'qed'],
      [Buffer.from('LUKS\xba\xbe\0\x02', 'latin1'), 'luks'],
      [Buffer.from('WithoutFreeSpace'), 'parallels'],
      [Buffer.from('Bochs Virtual HD Image'), 'bochs'],
      [Buffer.from('COWD'), 'vmdk'],
    ]
    for (const [content, format] of starts) {
      const facts = await inspect(content)
      expect(facts.format).toBe(format as ImageFacts['format'])
      expect(() => assertSafe(facts, 'raw')).toThrow(UnsafeImage)
    }
  })

  test('differencing VHD and VDI have a parent', async () => {
    const vhd = Buffer.alloc(512)
    vhd.write('conectix')
    vhd.writeUInt32BE(4, 60)
    expect(refusals(await inspect(vhd))).toBe('it has a parent image')
    const vdi = Buffer.alloc(512)
    vdi.writeUInt32LE(0xbeda107f, 0x40)
    vdi.writeUInt32LE(4, 0x4c)
    expect(refusals(await inspect(vdi))).toBe('it has a parent image')
  })

  test('an ISO is one, and an ISO that is something else too is refused', async () => {
    const iso = Buffer.alloc(65_536)
    iso.write('CD001', 0x8001)
    const facts = await inspect(iso)
    expect(facts).toMatchObject({ format: 'iso', virtual_size_bytes: 65_536, unsafe: [] })
    assertSafe(facts, 'iso')
    assertSafe(facts, 'raw')
    const both = qcow2()
    both.write('CD001', 0x8001)
    expect(refusals(await inspect(both))).toBe('it is both qcow2 and ISO 9660')
  })

  test('everything else is raw, an empty file included', async () => {
    expect(await text('')).toMatchObject({ format: 'raw', virtual_size_bytes: 0 })
    expect(await text('anything at all')).toMatchObject({ format: 'raw', virtual_size_bytes: 15 })
  })
})

describe('the declared format', () => {
  test('must be the one of the content', async () => {
    const plain = await inspect(qcow2())
    expect(() => assertSafe(plain, 'raw')).toThrow('declared as raw, but its content is qcow2')
    const raw = await text('x')
    expect(() => assertSafe(raw, 'qcow2')).toThrow('declared as qcow2, but its content is raw')
    for (const declared of ['raw', 'ami', 'aki', 'ari']) assertSafe(raw, declared)
    expect(() => assertSafe(raw, 'iso')).toThrow(UnsafeImage)
  })
})

test('no header makes an inspection fail, read much or believe in absurd sizes', async () => {
  const qcow2Magics = ['QFI\xfb\0\0\0\x03', 'QFI\xfb\0\0\0\x02']
  const magics = [...qcow2Magics, 'KDMV', 'conectix', '<<< QEMU VM', '# Disk DescriptorFile\n', '']
  const image = fc.record({
    magic: fc.constantFrom(...magics),
    content: fc.uint8Array({ maxLength: 8192, size: 'max' }),
    size: fc.integer({ min: 0, max: 2 ** 40 }),
  })
  await fc.assert(
    fc.asyncProperty(image, async ({ magic, content, size }) => {
      const all = Buffer.concat([Buffer.from(magic, 'latin1'), content])
      const source = bytes(all, Math.max(all.length, size))
      const facts = await inspectImage(source)
      expect(source.largest).toBeLessThanOrEqual(65_536)
      expect(source.total).toBeLessThan(256 * 1024)
      if (facts.unsafe.length === 0) expect(facts.virtual_size_bytes).toBeLessThanOrEqual(2 ** 50)
      if (facts.backing_file !== null || facts.data_file !== null)
        expect(() => assertSafe(facts, facts.format)).toThrow()
    }),
    { numRuns: 500 },
  )
})

describe.if(has('qemu-img'))('images that qemu-img makes', () => {
  function create(format: string, ...options: string[]): string {
    const path = join(directory, `${format}-${options.join('').replace(/\W/g, '')}`)
    const made = Bun.spawnSync(['qemu-img', 'create', '-q', '-f', format, ...options, path, '64M'])
    if (made.exitCode !== 0) throw new Error(made.stderr.toString())
    return path
  }
  async function inspectFile(path: string): Promise<ImageFacts> {
    const fd = openSync(path, 'r')
    try {
      return await inspectImage({
        size: statSync(path).size,
        async read(offset, length) {
          const buffer = Buffer.alloc(length)
          return buffer.subarray(0, readSync(fd, buffer, 0, length, offset))
        },
      })
    } finally {
      closeSync(fd)
    }
  }

  const made: [format: string, options: string[], name: string][] = [
    ['raw', [], 'raw'],
    ['qcow2', [], 'qcow2'],
    ['qcow2', ['-o', 'compat=0.10'], 'qcow2'],
    ['qcow2', ['-o', 'extended_l2=on,compression_type=zstd'], 'qcow2'],
    ['qcow2', ['-o', 'cluster_size=512'], 'qcow2'],
    ['vmdk', [], 'vmdk'],
    ['vmdk', ['-o', 'subformat=streamOptimized'], 'vmdk'],
    ['vdi', [], 'vdi'],
    ['vpc', ['-o', 'force_size=on'], 'vhd'],
  ]
  test.each(made)('%s %p is safe and 64 MiB', async (format, options, name) => {
    const facts = await inspectFile(create(format, ...options))
    expect(facts).toMatchObject({ format: name, virtual_size_bytes: 64 * 2 ** 20, unsafe: [] })
  })

  test('an overlay, a data file and a flat VMDK are refused', async () => {
    const base = create('qcow2')
    const overlay = create('qcow2', '-b', base, '-F', 'qcow2')
    expect(await inspectFile(overlay)).toMatchObject({ backing_file: base, unsafe: ['it has a backing file'] })
    const external = create('qcow2', '-o', `data_file=${join(directory, 'data')}`)
    expect(await inspectFile(external)).toMatchObject({ data_file: join(directory, 'data') })
    const flat = create('vmdk', '-o', 'subformat=monolithicFlat')
    expect((await inspectFile(flat)).unsafe).not.toBeEmpty()
    const luks = join(directory, 'luks')
    writeFileSync(luks, 'LUKS\xba\xbe\0\x01', 'latin1')
    expect((await inspectFile(luks)).unsafe).not.toBeEmpty()
  })
})
