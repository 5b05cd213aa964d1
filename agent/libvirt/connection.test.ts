import { afterEach, describe, expect, test } from 'bun:test'
import { eventually } from '../../test/support/eventually.ts'
import { type Call, type LibvirtDaemon, startLibvirtDaemon } from '../../test/support/libvirt-daemon.ts'
import { type Connection, MAX_IN_FLIGHT, MAX_WAITING, openConnection } from './connection.ts'
import { LibvirtError, LibvirtUnavailable } from './errors.ts'
import { encodeFrame, FrameType } from './frames.ts'
import { events, KEEPALIVE_PING, KEEPALIVE_PONG, KEEPALIVE_PROGRAM, type LibvirtEvent } from './protocol.ts'
import { encode } from './xdr.ts'

const PROGRAM = 0x20008086
const domain = { name: 'instance-0000002a', uuid: '8f1b0a52-0c8e-4d0f-9f39-3b2f0a1d7c11', id: 3 }

let daemon: LibvirtDaemon
let connection: Connection
const received: LibvirtEvent[] = []
const closed: Error[] = []

async function connect(onCall: (call: Call) => void, options: { auth?: number[]; keepalive_ms?: number } = {}) {
  daemon = startLibvirtDaemon(onCall, options.auth)
  received.length = 0
  closed.length = 0
  const event = (event: LibvirtEvent): void => void received.push(event)
  const ended = (reason: Error): void => void closed.push(reason)
  connection = await openConnection(
    daemon.socket,
    'qemu:///system',
    { event, closed: ended },
    options.keepalive_ms,
  )
}

afterEach(() => {
  connection?.close()
  daemon.stop()
})

const frame = (procedure: number, payload: Uint8Array, type: number = FrameType.message): Uint8Array =>
  encodeFrame({ program: PROGRAM, version: 1, procedure, type, serial: 0, status: 0, payload })

describe('a connection to libvirt', () => {
  test('calls and is answered', async () => {
    await connect((call) => call.answer({ dom: { ...domain, uuid: call.args.uuid } }))
    expect(await connection.call('domainLookupByUuid', { uuid: domain.uuid })).toEqual({ dom: domain })
  })

  test("hands on libvirt's errors under their names", async () => {
    await connect((call) => call.fail(call.name === 'connectGetType' ? 4711 : 42, 'Domain not found'))
    const error = await connection.call('domainLookupByUuid', { uuid: domain.uuid }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(LibvirtError)
    expect((error as LibvirtError).code).toBe('VIR_ERR_NO_DOMAIN')
    expect((error as LibvirtError).message).toContain('Domain not found')
    await expect(connection.call('connectGetType', {})).rejects.toThrow('VIR_ERR_4711')
  })

  test('keeps few calls in flight, and the others in order', async () => {
    const calls: Call[] = []
    await connect((call) => calls.push(call))
    const answers = Array.from({ length: 10 }, () => connection.call('connectGetType', {}))
    await eventually(async () => expect(calls.length).toBe(MAX_IN_FLIGHT))
    for (let index = 0; index < answers.length; index++) {
      await eventually(async () => expect(calls.length).toBeGreaterThan(index))
      expect(calls.length).toBeLessThanOrEqual(index + MAX_IN_FLIGHT)
      calls[index]?.answer({ type: `${index}` })
    }
    expect(await Promise.all(answers)).toEqual(answers.map((_, index) => ({ type: `${index}` })))
  })

  describe('a stream', () => {
    const CONSOLE = 201
    const chunk = (serial: number, status: number, payload: Uint8Array): Uint8Array =>
      encodeFrame({ program: PROGRAM, version: 1, procedure: CONSOLE, type: FrameType.stream, serial, status, payload })

    /** Opens one, with what is heard of it. */
    async function openStream() {
      let serial = 0
      await connect((call) => {
        serial = call.serial
        call.answer({})
        // Right behind the answer, as a busy console has it.
        daemon.send(chunk(serial, 2, Buffer.from('boot')))
      })
      const heard: (string | null)[] = []
      const stream = await connection.openStream(
        'domainOpenConsole',
        { dom: domain, devName: null, flags: 0 },
        {
          data: (bytes) => heard.push(Buffer.from(bytes).toString()),
          end: (reason) => heard.push(reason && reason.message),
        },
      )
      await eventually(async () => expect(heard).toEqual(['boot']))
      return { stream, heard, serial }
    }

    test('carries bytes from the first on, until its end', async () => {
      const { heard, serial } = await openStream()
      daemon.send(chunk(serial, 2, Buffer.from('more')))
      daemon.send(chunk(serial, 0, new Uint8Array()))
      daemon.send(chunk(serial, 2, Buffer.from('after the end')))
      await eventually(async () => expect(heard).toEqual(['boot', 'more', null]))
      expect(closed).toEqual([])
    })

    test('ends with the connection, and says why', async () => {
      const { heard } = await openStream()
      daemon.hangUp()
      await eventually(async () => expect(heard).toEqual(['boot', 'libvirt closed the connection']))
    })

    test('that was aborted here is heard of no more', async () => {
      const { stream, heard, serial } = await openStream()
      stream.abort()
      daemon.send(chunk(serial, 2, Buffer.from('late')))
      daemon.send(chunk(serial, 0, new Uint8Array()))
      connection.close()
      await eventually(async () => expect(closed).toHaveLength(1))
      expect(heard).toEqual(['boot'])
    })
  })

  test('takes no more calls than may wait', async () => {
    await connect(() => {})
    const calls = Array.from({ length: MAX_IN_FLIGHT + MAX_WAITING }, () => connection.call('connectGetType', {}))
    await expect(connection.call('connectGetType', {})).rejects.toThrow(`${MAX_WAITING} calls wait`)
    connection.close()
    for (const outcome of await Promise.allSettled(calls)) expect(outcome.status).toBe('rejected')
  })

  test('gives a call up at its deadline, and goes on when the answer still comes', async () => {
    const calls: Call[] = []
    await connect((call) => (call.name === 'connectGetHostname' ? calls.push(call) : call.answer({ type: 'QEMU' })))
    const late = await connection.call('connectGetHostname', {}, { deadline_ms: 10 }).catch((e: unknown) => e)
    expect(late).toBeInstanceOf(LibvirtUnavailable)
    calls[0]?.answer({ hostname: 'late' })
    expect(await connection.call('connectGetType', {})).toEqual({ type: 'QEMU' })
    expect(closed).toEqual([])
  })

  test('ends when every call in flight is late', async () => {
    await connect(() => {})
    const calls = Array.from({ length: MAX_IN_FLIGHT }, () => connection.call('connectGetType', {}, { deadline_ms: 5 }))
    for (const outcome of await Promise.allSettled(calls)) expect(outcome.status).toBe('rejected')
    expect(closed.map(({ message }) => message)).toEqual(['libvirt answers no call in time'])
  })

  test('a call that waited past its deadline is never sent', async () => {
    const calls: Call[] = []
    await connect((call) => calls.push(call))
    const busy = Array.from({ length: MAX_IN_FLIGHT }, () => connection.call('connectGetType', {}))
    await connection.call('connectGetHostname', {}, { deadline_ms: 10 }).catch(() => {})
    await eventually(async () => expect(calls.length).toBe(MAX_IN_FLIGHT))
    for (const call of calls) call.answer({ type: 'QEMU' })
    await Promise.all(busy)
    const next = connection.call('connectGetType', {})
    await eventually(async () => expect(calls.length).toBe(MAX_IN_FLIGHT + 1))
    expect(calls.map(({ name }) => name)).not.toContain('connectGetHostname')
    calls.at(-1)?.answer({ type: 'QEMU' })
    await next
  })

  test('passes events on, and those of others by', async () => {
    await connect((call) => call.answer({ type: 'QEMU' }))
    const lifecycle = { callbackId: 0, dom: domain, event: 5, detail: 1 }
    daemon.send(frame(999, new Uint8Array(8)))
    daemon.send(frame(events.lifecycle.number, encode(events.lifecycle.message, lifecycle)))
    await eventually(async () => expect(received).toEqual([{ event: 'lifecycle', message: lifecycle }]))
    expect(closed).toEqual([])
  })

  test('answers a PING with a PONG', async () => {
    await connect(() => {})
    const ping = { program: KEEPALIVE_PROGRAM, version: 1, procedure: KEEPALIVE_PING, type: 2, serial: 0, status: 0 }
    daemon.send(encodeFrame({ ...ping, payload: new Uint8Array() }))
    await eventually(async () => expect(daemon.others.map(({ procedure }) => procedure)).toEqual([KEEPALIVE_PONG]))
  })

  test('ends when a daemon that owes an answer is silent', async () => {
    // Long enough that a busy machine opens the connection within one interval, where an answer is owed too.
    await connect(() => {}, { keepalive_ms: 200 })
    const before = daemon.others.length
    await expect(connection.call('connectGetType', {})).rejects.toThrow('stopped answering')
    await eventually(async () => expect(closed.length).toBe(1))
    const since = daemon.others.slice(before)
    expect(since.map(({ procedure }) => procedure)).toEqual([KEEPALIVE_PING, KEEPALIVE_PING])
  })

  const nonsense: Record<string, Uint8Array> = {
    'bytes that are no frame': new Uint8Array(100),
    'a frame that claims to be huge': new Uint8Array([0xff, 0xff, 0xff, 0xff]),
    'a frame of another program': encodeFrame({
      program: 7,
      version: 1,
      procedure: 1,
      type: 1,
      serial: 0,
      status: 0,
      payload: new Uint8Array(),
    }),
    'an answer to nothing': frame(1, new Uint8Array(), FrameType.reply),
    'an event that is cut short': frame(events.lifecycle.number, new Uint8Array(8)),
    'a stream that nobody opened': frame(1, new Uint8Array(), FrameType.stream),
  }
  for (const [what, bytes] of Object.entries(nonsense)) {
    test(`${what} ends the connection and what waits on it`, async () => {
      await connect(() => daemon.send(bytes))
      await expect(connection.call('connectGetType', {})).rejects.toBeInstanceOf(LibvirtUnavailable)
      await eventually(async () => expect(closed.length).toBe(1))
      await expect(connection.call('connectGetType', {})).rejects.toBeInstanceOf(LibvirtUnavailable)
    })
  }

  test('an answer that is not of its procedure ends the connection', async () => {
    await connect((call) => call.answerBytes(new Uint8Array([0, 0, 0, 9, 0, 0, 0, 0])))
    await expect(connection.call('connectGetType', {})).rejects.toBeInstanceOf(LibvirtUnavailable)
    expect(closed.length).toBe(1)
  })

  test('tells when the daemon hangs up', async () => {
    await connect(() => daemon.hangUp())
    await expect(connection.call('connectGetType', {})).rejects.toThrow('closed the connection')
    expect(closed.length).toBe(1)
  })

  test('is not made to a daemon that wants a password', async () => {
    await expect(connect(() => {}, { auth: [1] })).rejects.toThrow('authentication')
    await expect(openConnection('/nonexistent/socket', 'qemu:///system', { closed() {} })).rejects.toThrow(
      'cannot connect to /nonexistent/socket',
    )
  })
})
