/** Formats that are told apart. Everything that is no other format is `raw`, as it is for QEMU. */
export type ImageFormat =
  'raw' | 'qcow2' | 'vmdk' | 'vhd' | 'vhdx' | 'vdi' | 'iso' | 'luks' | 'qcow' | 'qed' | 'parallels' | 'bochs' | 'cloop'

/** What an image's own bytes say about it. All of it was written by whoever made the image. */
export interface ImageFacts {
  readonly format: ImageFormat
  /** Size of the disk that a guest would see, bytes; of a raw image the size of the file. */
  readonly virtual_size_bytes: number
  /** Another file the image wants to be read through it. */
  readonly backing_file: string | null
  /** Another file that holds the image's data. */
  readonly data_file: string | null
  /** Why the image must not be used, in words for its owner; empty when nothing speaks against it. */
  readonly unsafe: readonly string[]
}

/** Where the bytes are. */
export interface ImageBytes {
  readonly size: number
  /** Up to `length` bytes from `offset`; fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** The image cannot be used; the message tells its owner why and names nothing of the host. */
export class UnsafeImage extends Error {
  override readonly name = 'UnsafeImage'
}

/** Greatest disk that is believed: beyond it a header is an attack or garbage. */
export const MAX_VIRTUAL_SIZE_BYTES = 2 ** 50
