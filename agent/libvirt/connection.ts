import type { Socket } from 'bun'
import { LibvirtError, LibvirtUnavailable } from './errors.ts'
import { encodeFrame, type Frame, FrameStatus, frameSplitter, FrameType } from './frames.ts'
import {
  type Args,
  events,
  KEEPALIVE_PING,
  KEEPALIVE_PONG,
  KEEPALIVE_PROGRAM,
  KEEPALIVE_VERSION,
  type LibvirtEvent,
  procedures,
  type ProcedureName,
  REMOTE_PROGRAM,
  REMOTE_VERSION,
  RemoteError,
  type Result,
} from './protocol.ts'
import { type Codec, decode, encode, XdrError } from './xdr.ts'

/**
 * The daemon takes five requests per connection (`max_client_requests`), and stops reading, keep-alives included, at
 * the sixth.
 */
export const MAX_IN_FLIGHT = 4
export const MAX_WAITING = 1024
/** Frames that a daemon which does not read leaves here, answers to its keep-alives among them. */
const MAX_UNSENT = 64
/** Well below what libvirt takes in one frame of a stream. */
const MAX_STREAM_BYTES = 64 * 1024
const CONNECT_DEADLINE_MS = 5_000
export const CALL_DEADLINE_MS = 30_000
/** While an answer is owed, the daemon is asked this often whether it lives; two misses in a row and it is dead. */
const KEEPALIVE_INTERVAL_MS = 5_000
const KEEPALIVE_MISSES = 2

export interface Connection {
  /** @throws {LibvirtError} libvirt's answer. @throws {LibvirtUnavailable} no answer in time. */
  call<P extends ProcedureName>(name: P, args: Args<P>, options?: { deadline_ms?: number }): Promise<Result<P>>
  /**
   * Calls a procedure that answers with a stream of bytes both ways.
   * @throws as `call`; what ends the stream afterwards is told to its handlers.
   */
  openStream<P extends ProcedureName>(name: P, args: Args<P>, handlers: StreamHandlers): Promise<Stream>
  close(): void
}

/** Bytes both ways. */
export interface Stream {
  write(bytes: Uint8Array): void
  /** Reads nothing more from the daemon, on the whole connection: a stream that may be paused needs its own. */
  pause(): void
  resume(): void
  /** The other side is told, and hears of no end itself. */
  abort(): void
}

export interface StreamHandlers {
  data(bytes: Uint8Array): void
  /** Called once, with the reason where it was no ordinary end. Not after `abort`. */
  end(reason: Error | null): void
}

export interface ConnectionHandlers {
  /** Without it, libvirt is not asked for events. */
  event?: ((event: LibvirtEvent) => void) | undefined
  /** Called once, whoever ended it. */
  closed(reason: Error): void
}

interface Call {
  readonly name: ProcedureName
  readonly frame: Frame
  /** Its caller has given it up; the daemon is still at it. */
  late: boolean
  /** Of a call that opens one. */
  readonly stream: StreamHandlers | null
  settle(outcome: { value: unknown } | { error: Error }): void
}

/**
 * Connects to a daemon's unix socket, opens the hypervisor `uri` there and asks for events.
 *
 * @throws {LibvirtUnavailable} nobody listens, or it wants an authentication that only a person can give.
 */
export async function openConnection(
  path: string,
  uri: string,
  handlers: ConnectionHandlers,
  keepalive_ms = KEEPALIVE_INTERVAL_MS,
): Promise<Connection> {
  const link = await openLink(path, handlers, keepalive_ms)
  const within = { deadline_ms: CONNECT_DEADLINE_MS }
  try {
    const { types } = await link.call('authList', {}, within)
    if (types.some((type) => type !== 0)) throw new LibvirtUnavailable(`${path}: libvirt asks for authentication`)
    await link.call('connectOpen', { name: uri, flags: 0 }, within)
    for (const { eventId } of handlers.event ? Object.values(events) : []) {
      await link.call('connectDomainEventCallbackRegisterAny', { eventId, dom: null }, within)
    }
  } catch (error) {
    link.close()
    throw error
  }
  return link
}

async function openLink(path: string, handlers: ConnectionHandlers, keepalive_ms: number): Promise<Connection> {
  const inFlight = new Map<number, Call>()
  /** By the serial of the call that opened each. */
  const streams = new Map<number, StreamHandlers>()
  const waiting: Call[] = []
  let serial = 0
  let newestStream = 0
  let ended: Error | undefined
  let unanswered = 0
  let unsent: Uint8Array[] = []
  let socket: Socket | undefined
  let keepalive: Timer | undefined
  const splitter = frameSplitter(receive)

  const socketHandlers: Bun.SocketHandler<undefined> = {
    data(_, chunk) {
      if (ended) return
      try {
        splitter(chunk)
      } catch (error) {
        // Past bytes that make no sense there is no next frame to be found.
        end(new LibvirtUnavailable('libvirt sent what is not of its protocol', { cause: error }))
      }
    },
    drain: flush,
    close: () => end(new LibvirtUnavailable('libvirt closed the connection')),
    error: (_, error) => end(new LibvirtUnavailable('the connection to libvirt broke', { cause: error })),
  }

  function end(reason: Error): void {
    if (ended) return
    ended = reason
    clearInterval(keepalive)
    socket?.end()
    for (const call of [...inFlight.values(), ...waiting]) call.settle({ error: reason })
    inFlight.clear()
    waiting.length = 0
    for (const stream of streams.values()) stream.end(reason)
    streams.clear()
    handlers.closed(reason)
  }

  function send(frame: Frame): void {
    if (unsent.length >= MAX_UNSENT) return end(new LibvirtUnavailable('libvirt has stopped reading'))
    unsent.push(encodeFrame(frame))
    if (unsent.length === 1) flush()
  }

  function flush(): void {
    while (socket && !ended) {
      const [bytes] = unsent
      if (!bytes) return
      const written = Math.max(0, socket.write(bytes))
      if (written < bytes.length) {
        unsent[0] = bytes.subarray(written)
        return
      }
      unsent = unsent.slice(1)
    }
  }

  function sendWaiting(): void {
    while (inFlight.size < MAX_IN_FLIGHT) {
      const call = waiting.shift()
      if (!call) return
      inFlight.set(call.frame.serial, call)
      send(call.frame)
    }
  }

  function receive(frame: Frame): void {
    unanswered = 0
    if (frame.program === KEEPALIVE_PROGRAM) {
      if (frame.procedure === KEEPALIVE_PING) send(keepaliveFrame(KEEPALIVE_PONG))
      return
    }
    if (frame.program !== REMOTE_PROGRAM || frame.version !== REMOTE_VERSION) {
      throw new XdrError(`program ${frame.program} version ${frame.version}`)
    }
    if (frame.type === FrameType.reply) receiveReply(frame)
    else if (frame.type === FrameType.message) receiveEvent(frame)
    else if (frame.type === FrameType.stream) receiveStream(frame)
    else throw new XdrError(`a frame of type ${frame.type}`)
  }

  function receiveReply(frame: Frame): void {
    const call = inFlight.get(frame.serial)
    if (!call || call.frame.procedure !== frame.procedure) throw new XdrError(`an answer to nothing: ${frame.serial}`)
    const outcome =
      frame.status === FrameStatus.error
        ? { error: new LibvirtError(call.name, decode(RemoteError, frame.payload)) }
        : { value: decode(procedures[call.name].result as Codec<unknown>, frame.payload) }
    inFlight.delete(frame.serial)
    // Before the caller hears of it: the first bytes may be right behind.
    if (call.stream && 'value' in outcome) {
      streams.set(frame.serial, call.stream)
      newestStream = frame.serial
    }
    call.settle(outcome)
    sendWaiting()
  }

  /** One that nobody listens to any more was aborted on our side while this was on its way. */
  function receiveStream({ serial, status, payload }: Frame): void {
    const stream = streams.get(serial)
    if (!stream && (serial === 0 || serial > newestStream)) throw new XdrError(`a stream that nobody opened: ${serial}`)
    if (!stream) return
    if (status === FrameStatus.continue && payload.length > 0) return stream.data(payload)
    streams.delete(serial)
    stream.end(status === FrameStatus.error ? new LibvirtError('stream', decode(RemoteError, payload)) : null)
  }

  function receiveEvent(frame: Frame): void {
    for (const [event, { number, message }] of Object.entries(events)) {
      if (number !== frame.procedure) continue
      handlers.event?.({ event, message: decode(message as Codec<unknown>, frame.payload) } as LibvirtEvent)
    }
  }

  function checkLife(): void {
    if (inFlight.size === 0) return
    if (unanswered >= KEEPALIVE_MISSES) return end(new LibvirtUnavailable('libvirt has stopped answering'))
    unanswered++
    send(keepaliveFrame(KEEPALIVE_PING))
  }

  /** A call that was sent keeps its place in flight: the daemon is still at it. When it holds all, it is stuck. */
  function giveUp(call: Call): void {
    call.late = true
    const stuck = inFlight.size === MAX_IN_FLIGHT && inFlight.values().every(({ late }) => late)
    if (stuck) end(new LibvirtUnavailable('libvirt answers no call in time'))
  }

  function call<P extends ProcedureName>(name: P, args: Args<P>, options: { deadline_ms?: number } = {}) {
    return request(name, args, options, null).then(({ result }) => result)
  }

  async function openStream<P extends ProcedureName>(
    name: P,
    args: Args<P>,
    stream: StreamHandlers,
  ): Promise<Stream> {
    const { serial: opened } = await request(name, args, {}, stream)
    const frame = (status: number, payload: Uint8Array): Frame => ({
      ...remoteCall(procedures[name].number, opened, payload),
      type: FrameType.stream,
      status,
    })
    return {
      write(bytes) {
        for (let at = 0; at < bytes.length; at += MAX_STREAM_BYTES) {
          send(frame(FrameStatus.continue, bytes.subarray(at, at + MAX_STREAM_BYTES)))
        }
      },
      pause: () => socket?.pause(),
      resume: () => socket?.resume(),
      abort() {
        if (streams.delete(opened)) send(frame(FrameStatus.error, new Uint8Array()))
      },
    }
  }

  function request<P extends ProcedureName>(
    name: P,
    args: Args<P>,
    options: { deadline_ms?: number },
    stream: StreamHandlers | null,
  ) {
    return new Promise<{ result: Result<P>; serial: number }>((resolve, reject) => {
      if (ended) return reject(ended)
      if (waiting.length >= MAX_WAITING) return reject(new LibvirtUnavailable(`${MAX_WAITING} calls wait for libvirt`))
      const payload = encode(procedures[name].args as Codec<unknown>, args)
      serial = (serial + 1) >>> 0
      const deadline_ms = options.deadline_ms ?? CALL_DEADLINE_MS
      const timer = setTimeout(() => {
        reject(new LibvirtUnavailable(`${name}: no answer in ${deadline_ms} ms`))
        const place = waiting.indexOf(pending)
        if (place >= 0) waiting.splice(place, 1)
        else giveUp(pending)
      }, deadline_ms)
      const own = serial
      const pending: Call = {
        name,
        frame: remoteCall(procedures[name].number, own, payload),
        late: false,
        stream,
        settle(outcome) {
          clearTimeout(timer)
          if ('error' in outcome) reject(outcome.error)
          else resolve({ result: outcome.value as Result<P>, serial: own })
        },
      }
      waiting.push(pending)
      sendWaiting()
    })
  }

  socket = await connect(path, socketHandlers)
  if (ended) throw ended
  keepalive = setInterval(checkLife, keepalive_ms)
  return { call, openStream, close: () => end(new LibvirtUnavailable('the connection to libvirt was closed')) }
}

async function connect(path: string, socket: Bun.SocketHandler<undefined>): Promise<Socket> {
  try {
    return await Bun.connect({ unix: path, socket })
  } catch (error) {
    throw new LibvirtUnavailable(`cannot connect to ${path}`, { cause: error })
  }
}

const remoteCall = (procedure: number, serial: number, payload: Uint8Array): Frame => ({
  program: REMOTE_PROGRAM,
  version: REMOTE_VERSION,
  procedure,
  type: FrameType.call,
  serial,
  status: FrameStatus.ok,
  payload,
})

const keepaliveFrame = (procedure: number): Frame => ({
  program: KEEPALIVE_PROGRAM,
  version: KEEPALIVE_VERSION,
  procedure,
  type: FrameType.message,
  serial: 0,
  status: FrameStatus.ok,
  payload: new Uint8Array(),
})
