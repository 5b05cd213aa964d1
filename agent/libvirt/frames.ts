import { MAX_FRAME_BYTES } from './protocol.ts'
import { XdrError } from './xdr.ts'

/** One message on the wire: a length that counts itself, six words, and the payload they describe. */
export interface Frame {
  readonly program: number
  readonly version: number
  readonly procedure: number
  readonly type: number
  readonly serial: number
  readonly status: number
  readonly payload: Uint8Array
}

export const FrameType = { call: 0, reply: 1, message: 2, stream: 3 } as const
export const FrameStatus = { ok: 0, error: 1, continue: 2 } as const

const HEADER_BYTES = 28

export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + frame.payload.length)
  if (bytes.length > MAX_FRAME_BYTES) throw new XdrError(`a message of ${bytes.length} bytes; ${MAX_FRAME_BYTES} fit`)
  const header = new DataView(bytes.buffer)
  const { program, version, procedure, type, serial, status } = frame
  const words = [bytes.length, program, version, procedure, type, serial, status]
  words.forEach((word, index) => header.setUint32(index * 4, word))
  bytes.set(frame.payload, HEADER_BYTES)
  return bytes
}

/**
 * Cuts a stream of bytes into frames, however it is split. Memory grows with the bytes that have arrived and not with
 * the length they claim.
 *
 * @returns what to call with each chunk. @throws {XdrError} when a length cannot be one of a frame.
 */
export function frameSplitter(onFrame: (frame: Frame) => void): (chunk: Uint8Array) => void {
  let buffer = new Uint8Array(4096)
  let filled = 0

  function append(chunk: Uint8Array): void {
    if (filled + chunk.length > buffer.length) {
      const larger = new Uint8Array(Math.max(filled + chunk.length, buffer.length * 2))
      larger.set(buffer.subarray(0, filled))
      buffer = larger
    }
    buffer.set(chunk, filled)
    filled += chunk.length
  }

  return (chunk) => {
    append(chunk)
    let start = 0
    while (filled - start >= 4) {
      const view = new DataView(buffer.buffer, start, filled - start)
      const length = view.getUint32(0)
      if (length < HEADER_BYTES || length > MAX_FRAME_BYTES) throw new XdrError(`a frame of ${length} bytes`)
      if (length > filled - start) break
      onFrame({
        program: view.getUint32(4),
        version: view.getUint32(8),
        procedure: view.getUint32(12),
        type: view.getUint32(16),
        serial: view.getUint32(20),
        status: view.getUint32(24),
        payload: buffer.slice(start + HEADER_BYTES, start + length),
      })
      start += length
    }
    buffer.copyWithin(0, start, filled)
    filled -= start
  }
}
