import type { FileHandle } from 'node:fs/promises'

/**
 * Writes every byte at `position`. One write may take fewer: the last before a disk is full does, and says no error.
 */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
