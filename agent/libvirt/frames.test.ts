import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { encodeFrame, type Frame, frameSplitter } from './frames.ts'
import { MAX_FRAME_BYTES } from './protocol.ts'
import { XdrError } from './xdr.ts'

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const frames: fc.Arbitrary<Frame> = fc.record({
  program: word,
  version: word,
  procedure: word,
  type: word,
  serial: word,
  status: word,
  payload: fc.uint8Array({ maxLength: 10_000 }),
})

describe('frames', () => {
  test('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 5 }), fc.integer({ min: 1, max: 5000 }), (sent, size) => {
        const stream = Buffer.concat(sent.map(encodeFrame))
        const received: Frame[] = []
        const split = frameSplitter((frame) => received.push(frame))
        for (let at = 0; at < stream.length; at += size) split(stream.subarray(at, at + size))
        expect(received).toEqual(sent)
      }),
    )
  })

  test('end with an error at a length that no frame has', () => {
    for (const length of [0, 27, MAX_FRAME_BYTES + 1, 2 ** 32 - 1]) {
      const bytes = new Uint8Array(4)
      new DataView(bytes.buffer).setUint32(0, length)
      expect(() => frameSplitter(() => {})(bytes)).toThrow(XdrError)
    }
  })

  test('too large to be received are not sent either', () => {
    const frame = { program: 0, version: 0, procedure: 0, type: 0, serial: 0, status: 0 }
    expect(() => encodeFrame({ ...frame, payload: new Uint8Array(MAX_FRAME_BYTES) })).toThrow(XdrError)
  })
})
