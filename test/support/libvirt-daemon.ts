import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Socket } from 'bun'
import { encodeFrame, type Frame, FrameStatus, frameSplitter, FrameType } from '../../agent/libvirt/frames.ts'
import { procedures, type ProcedureName, RemoteError } from '../../agent/libvirt/protocol.ts'
import { type Codec, decode, encode } from '../../agent/libvirt/xdr.ts'

export interface Call {
  readonly name: ProcedureName
  readonly args: Record<string, unknown>
  readonly serial: number
  answer(result: object): void
  answerBytes(payload: Uint8Array): void
  fail(code: number, message: string): void
}

/** The daemon's end of the protocol on a socket of its own, for what a real libvirtd does not do when asked. */
export interface LibvirtDaemon {
  readonly socket: string
  /** Frames of programs other than the remote one, in their order. */
  readonly others: Frame[]
  /** Sends bytes to everyone who is connected. */
  send(bytes: Uint8Array): void
  hangUp(): void
  stop(): void
}

const names = new Map(Object.entries(procedures).map(([name, { number }]) => [number, name as ProcedureName]))

/** Starts it; it opens for everyone, and leaves all other calls to `onCall`. */
export function startLibvirtDaemon(onCall: (call: Call) => void, auth: number[] = [0]): LibvirtDaemon {
  const directory = mkdtempSync(join(tmpdir(), 'daemon-'))
  const socket = join(directory, 'libvirt-sock')
  const others: Frame[] = []
  const peers = new Set<Socket<{ split: (chunk: Uint8Array) => void }>>()

  function receive(peer: Socket<unknown>, frame: Frame): void {
    const name = frame.program === 0x20008086 ? names.get(frame.procedure) : undefined
    if (!name) return void others.push(frame)
    const reply = (status: number, payload: Uint8Array): void =>
      void peer.write(encodeFrame({ ...frame, type: FrameType.reply, status, payload }))
    const call: Call = {
      name,
      args: decode(procedures[name].args as Codec<unknown>, frame.payload) as Record<string, unknown>,
      serial: frame.serial,
      answer: (result) => reply(FrameStatus.ok, encode(procedures[name].result as Codec<unknown>, result)),
      answerBytes: (payload) => reply(FrameStatus.ok, payload),
      fail: (code, message) => reply(FrameStatus.error, encode(RemoteError, { ...noError, code, message })),
    }
    if (name === 'authList') call.answer({ types: auth })
    else if (name === 'connectOpen') call.answer({})
    else if (name === 'connectDomainEventCallbackRegisterAny') call.answer({ callbackId: 0 })
    else onCall(call)
  }

  const server = Bun.listen<{ split: (chunk: Uint8Array) => void }>({
    unix: socket,
    socket: {
      open(peer) {
        peers.add(peer)
        peer.data = { split: frameSplitter((frame) => receive(peer, frame)) }
      },
      data: (peer, chunk) => peer.data.split(chunk),
      close: (peer) => void peers.delete(peer),
    },
  })

  return {
    socket,
    others,
    send: (bytes) => peers.forEach((peer) => void peer.write(bytes)),
    hangUp: () => peers.forEach((peer) => peer.end()),
    stop() {
      server.stop(true)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const noError = {
  code: 0,
  domain: 10,
  message: null,
  level: 2,
  dom: null,
  str1: null,
  str2: null,
  str3: null,
  int1: 0,
  int2: 0,
  net: null,
}
