/**
 * The screen of a simulated guest: as much of an RFB 3.8 server (RFC 6143) as a viewer needs to show one grey picture.
 * Bytes come in any pieces; what makes no sense ends the screen.
 */
export interface FakeScreen {
  /** @throws {RangeError} for what no viewer says. */
  receive(bytes: Uint8Array): void
}

const WIDTH = 160
const HEIGHT = 100
const NO_SECURITY = 1
/** Longest message of a viewer: pasted text. */
const MAX_MESSAGE = 64 * 1024

const text = (words: string): Uint8Array => new TextEncoder().encode(words)

export function createFakeScreen(name: string, send: (bytes: Uint8Array) => void): FakeScreen {
  let pending = new Uint8Array()
  /** Takes one message off `pending` and answers it. @returns its length, 0 when it is not all there yet. */
  let next = version
  send(text('RFB 003.008\n'))

  const has = (length: number): boolean => pending.length >= length
  const word = (at: number): number => new DataView(pending.buffer, pending.byteOffset).getUint16(at)
  const long = (at: number): number => new DataView(pending.buffer, pending.byteOffset).getUint32(at)

  function version(): number {
    if (!has(12)) return 0
    send(Uint8Array.of(1, NO_SECURITY))
    next = security
    return 12
  }

  function security(): number {
    if (!has(1)) return 0
    if (pending[0] !== NO_SECURITY) throw new RangeError('an unknown security type')
    send(new Uint8Array(4))
    next = init
    return 1
  }

  function init(): number {
    if (!has(1)) return 0
    send(serverInit(name))
    next = message
    return 1
  }

  function message(): number {
    if (!has(1)) return 0
    const length = messageLength()
    if (length === null) return 0
    if (length > MAX_MESSAGE) throw new RangeError('a message too long')
    if (!has(length)) return 0
    // An incremental request is answered when something has changed, and nothing ever does.
    if (pending[0] === 3 && pending[1] === 0) send(picture())
    return length
  }

  /** Null while too little of it is there to tell. */
  function messageLength(): number | null {
    switch (pending[0]) {
      case 0: // SetPixelFormat
        return 20
      case 2: // SetEncodings
        return has(4) ? 4 + 4 * word(2) : null
      case 3: // FramebufferUpdateRequest
        return 10
      case 4: // KeyEvent
        return 8
      case 5: // PointerEvent
        return 6
      case 6: // ClientCutText
        return has(8) ? 8 + long(4) : null
      default:
        throw new RangeError(`an unknown message: ${pending[0]}`)
    }
  }

  return {
    receive(bytes) {
      const all = new Uint8Array(pending.length + bytes.length)
      all.set(pending)
      all.set(bytes, pending.length)
      pending = all
      for (let taken = next(); taken > 0; taken = next()) pending = pending.slice(taken)
    },
  }
}

/** Size, 32 bits a pixel of which 24 are colour, and the name. */
function serverInit(name: string): Uint8Array {
  const title = text(name)
  const bytes = new Uint8Array(24 + title.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, WIDTH)
  view.setUint16(2, HEIGHT)
  bytes.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4)
  view.setUint32(20, title.length)
  bytes.set(title, 24)
  return bytes
}

/** One rectangle, raw: 32 bits a pixel is what every viewer asks for. */
function picture(): Uint8Array {
  const bytes = new Uint8Array(16 + WIDTH * HEIGHT * 4).fill(0x60, 16)
  const view = new DataView(bytes.buffer)
  view.setUint16(2, 1)
  view.setUint16(8, WIDTH)
  view.setUint16(10, HEIGHT)
  return bytes
}
