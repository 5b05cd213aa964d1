import type { ImageBytes } from './facts.ts'

/** No single read of an inspection is larger, whatever a header says. */
export const MAX_READ_BYTES = 64 * 1024

/** A stretch of an image with checked access: behind its end everything is zero, as in a truncated file. */
export class Header {
  readonly #bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  static async read(source: ImageBytes, offset: number, length: number): Promise<Header> {
    const wanted = Math.min(length, MAX_READ_BYTES)
    if (offset < 0 || offset >= source.size || wanted <= 0) return new Header(new Uint8Array(0))
    return new Header(await source.read(offset, Math.min(wanted, source.size - offset)))
  }

  get length(): number {
    return this.#bytes.length
  }

  u32(offset: number, littleEndian = false): number {
    return offset + 4 <= this.length ? this.#view.getUint32(offset, littleEndian) : 0
  }

  /** As a number: beyond 2^53 it is not exact, but no smaller than any bound it is compared with. */
  u64(offset: number, littleEndian = false): number {
    return Number(this.bits(offset, littleEndian))
  }

  bits(offset: number, littleEndian = false): bigint {
    return offset + 8 <= this.length ? this.#view.getBigUint64(offset, littleEndian) : 0n
  }

  startsWith(magic: string, offset = 0): boolean {
    return offset + magic.length <= this.length && this.latin1(offset, magic.length) === magic
  }

  latin1(offset: number, length: number): string {
    return Buffer.from(this.#bytes.subarray(offset, offset + length)).toString('latin1')
  }

  equals(other: Header): boolean {
    return Buffer.compare(this.#bytes, other.#bytes) === 0
  }
}
