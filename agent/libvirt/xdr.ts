/**
 * XDR (RFC 4506) as libvirt's protocol uses it: big-endian, everything padded to four bytes. A codec is a value that
 * knows how to write and read one type, so that a table of procedures (`protocol.ts`) is also a table of types.
 */
export interface Codec<T> {
  /** @throws {XdrError} when the value has no place on the wire. */
  write(out: XdrWriter, value: T): void
  /** @throws {XdrError} when the bytes are not such a value. */
  read(from: XdrReader): T
}

export type Value<C> = C extends Codec<infer T> ? T : never

/** Bytes that are not of the expected type, or a value that does not fit the wire. */
export class XdrError extends Error {
  override readonly name = 'XdrError'
}

/** Grows as it is written to. */
export interface XdrWriter {
  /** Room for `length` bytes, zeroed. */
  take(length: number): DataView
  /** All that was written. */
  bytes(): Uint8Array
}

export interface XdrReader {
  /** The next `length` bytes. @throws {XdrError} when there are fewer. */
  take(length: number): DataView
  readonly remaining: number
}

export function xdrWriter(initialBytes = 256): XdrWriter {
  let buffer = new Uint8Array(initialBytes)
  let end = 0
  return {
    take(length) {
      const start = end
      end += length
      if (end > buffer.length) {
        const larger = new Uint8Array(Math.max(end, buffer.length * 2))
        larger.set(buffer.subarray(0, start))
        buffer = larger
      }
      return new DataView(buffer.buffer, start, length)
    },
    bytes: () => buffer.subarray(0, end),
  }
}

export function xdrReader(bytes: Uint8Array): XdrReader {
  let offset = 0
  return {
    take(length) {
      if (length > bytes.length - offset) {
        throw new XdrError(`${length} bytes expected, ${bytes.length - offset} left`)
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length)
      offset += length
      return view
    },
    get remaining() {
      return bytes.length - offset
    },
  }
}

/** Writes one value. @throws {XdrError} */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const out = xdrWriter()
  codec.write(out, value)
  return out.bytes()
}

/** Reads one value, and nothing may follow it. @throws {XdrError} */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const from = xdrReader(bytes)
  const value = codec.read(from)
  if (from.remaining > 0) throw new XdrError(`${from.remaining} bytes left over`)
  return value
}

const inRange = (value: number, min: number, max: number): number => {
  if (!Number.isInteger(value) || value < min || value > max) throw new XdrError(`${value} is not in ${min}..${max}`)
  return value
}

const bigInRange = (value: bigint, ok: bigint): bigint => {
  if (value !== ok) throw new XdrError(`${value} does not fit 64 bits`)
  return value
}

export const int: Codec<number> = {
  write: (out, value) => out.take(4).setInt32(0, inRange(value, -(2 ** 31), 2 ** 31 - 1)),
  read: (from) => from.take(4).getInt32(0),
}

export const uint: Codec<number> = {
  write: (out, value) => out.take(4).setUint32(0, inRange(value, 0, 2 ** 32 - 1)),
  read: (from) => from.take(4).getUint32(0),
}

export const hyper: Codec<bigint> = {
  write: (out, value) => out.take(8).setBigInt64(0, bigInRange(value, BigInt.asIntN(64, value))),
  read: (from) => from.take(8).getBigInt64(0),
}

export const uhyper: Codec<bigint> = {
  write: (out, value) => out.take(8).setBigUint64(0, bigInRange(value, BigInt.asUintN(64, value))),
  read: (from) => from.take(8).getBigUint64(0),
}

export const double: Codec<number> = {
  write: (out, value) => out.take(8).setFloat64(0, value),
  read: (from) => from.take(8).getFloat64(0),
}

const padded = (length: number): number => Math.ceil(length / 4) * 4

function writeBytes(out: XdrWriter, bytes: Uint8Array): void {
  const view = out.take(padded(bytes.length))
  new Uint8Array(view.buffer, view.byteOffset, bytes.length).set(bytes)
}

function readBytes(from: XdrReader, length: number): Uint8Array {
  const view = from.take(padded(length))
  return new Uint8Array(view.buffer, view.byteOffset, length)
}

/** Exactly `length` bytes. */
export const opaque = (length: number): Codec<Uint8Array> => ({
  write(out, value) {
    if (value.length !== length) throw new XdrError(`${length} bytes expected, not ${value.length}`)
    writeBytes(out, value)
  },
  read: (from) => readBytes(from, length).slice(),
})

const utf8 = new TextEncoder()
const text = new TextDecoder()

export const string = (maxBytes: number): Codec<string> => ({
  write(out, value) {
    const bytes = utf8.encode(value)
    if (bytes.length > maxBytes) throw new XdrError(`a string of ${bytes.length} bytes; ${maxBytes} fit`)
    uint.write(out, bytes.length)
    writeBytes(out, bytes)
  },
  read(from) {
    const length = uint.read(from)
    if (length > maxBytes) throw new XdrError(`a string of ${length} bytes; ${maxBytes} fit`)
    return text.decode(readBytes(from, length))
  },
})

export const optional = <T>(codec: Codec<T>): Codec<T | null> => ({
  write(out, value) {
    uint.write(out, value === null ? 0 : 1)
    if (value !== null) codec.write(out, value)
  },
  read(from) {
    const present = uint.read(from)
    if (present > 1) throw new XdrError(`${present} where 0 or 1 says whether a value follows`)
    return present === 1 ? codec.read(from) : null
  },
})

export const array = <T>(codec: Codec<T>, maxItems: number): Codec<T[]> => ({
  write(out, items) {
    if (items.length > maxItems) throw new XdrError(`${items.length} items; ${maxItems} fit`)
    uint.write(out, items.length)
    for (const item of items) codec.write(out, item)
  },
  read(from) {
    const length = uint.read(from)
    // No XDR type takes less than four bytes: a lying length ends here and not in a long loop.
    if (length > maxItems || length * 4 > from.remaining) throw new XdrError(`${length} items; ${maxItems} fit`)
    return Array.from({ length }, () => codec.read(from))
  },
})

/** Exactly `length` items, with no count before them. */
export const vector = <T>(codec: Codec<T>, length: number): Codec<T[]> => ({
  write(out, items) {
    if (items.length !== length) throw new XdrError(`${length} items expected, not ${items.length}`)
    for (const item of items) codec.write(out, item)
  },
  read: (from) => Array.from({ length }, () => codec.read(from)),
})

/** Fields in the order they stand on the wire. */
export function struct<T extends object>(fields: { [K in keyof T]: Codec<T[K]> }): Codec<T> {
  const entries = Object.entries(fields) as [keyof T, Codec<T[keyof T]>][]
  return {
    write(out, value) {
      for (const [name, codec] of entries) codec.write(out, value[name])
    },
    read(from) {
      const value: Partial<T> = {}
      for (const [name, codec] of entries) value[name] = codec.read(from)
      return value as T
    },
  }
}

/** A value whose type is named by the `int` before it. */
export function union<T extends object>(cases: { [K in keyof T]: Codec<T[K]> }): Codec<{
  type: number
  value: T[keyof T]
}> {
  const codecs = new Map(Object.entries(cases).map(([type, codec]) => [Number(type), codec as Codec<T[keyof T]>]))
  const codecOf = (type: number): Codec<T[keyof T]> => {
    const codec = codecs.get(type)
    if (!codec) throw new XdrError(`no such case: ${type}`)
    return codec
  }
  return {
    write(out, { type, value }) {
      const codec = codecOf(type)
      int.write(out, type)
      codec.write(out, value)
    },
    read(from) {
      const type = int.read(from)
      return { type, value: codecOf(type).read(from) }
    },
  }
}

/** No bytes at all: the arguments or the answer of procedures that have none. */
export const nothing: Codec<Record<never, never>> = { write: () => {}, read: () => ({}) }
