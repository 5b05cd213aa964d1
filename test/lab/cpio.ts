/** A file or a directory of an archive. */
export type CpioEntry =
  | { readonly name: string; readonly directory: true }
  | { readonly name: string; readonly mode: number; readonly bytes: Uint8Array }

const DIRECTORY = 0o040_755
const FILE = 0o100_000

/** An archive in cpio's `newc` format, which Linux unpacks into its first file system. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const end: CpioEntry = { name: 'TRAILER!!!', mode: 0, bytes: new Uint8Array() }
  return Buffer.concat([...entries, end].flatMap((entry, index) => record(entry, index + 1)))
}

function record(entry: CpioEntry, inode: number): Uint8Array[] {
  const bytes = 'bytes' in entry ? entry.bytes : new Uint8Array()
  const mode = 'bytes' in entry ? FILE | entry.mode : DIRECTORY
  const name = `${entry.name}\0`
  // magic, inode, mode, uid, gid, links, time, size, device and special device (major, minor), length of the name, sum
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0]
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}`
  return [padded(Buffer.from(header)), padded(bytes)]
}

const padded = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
