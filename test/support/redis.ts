import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { afterUs } from './after-us.ts'
import { eventually } from './eventually.ts'

export interface TestRedis {
  readonly url: string
  flush(): Promise<void>
  /** As a power cut: all data is gone, for it keeps none on disk. */
  kill(): Promise<void>
  /** Starts it again on the same port after `kill`. */
  start(): Promise<void>
  /** SIGSTOP and SIGCONT: connections stay open and nothing answers. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** Starts the distribution's redis-server on a free port; tests that call this ask `has('redis')` first. */
export async function startRedis(): Promise<TestRedis> {
  const port = await freePort()
  let child: ChildProcess

  async function start(): Promise<void> {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/']
    child = spawn('redis-server', settings, { stdio: 'ignore' })
    child.unref()
    afterUs('kill -KILL "$1"', String(child.pid))
    await eventually(() => command(port, 'PING'), 10)
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    flush: () => command(port, 'FLUSHALL'),
    kill,
    start,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop: kill,
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

/** Sends an inline command past the client under test. */
async function command(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(`${text}\r\n`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.toString().startsWith('+')) throw new Error(`Redis answered ${text} with ${answer}`)
  } finally {
    socket.destroy()
  }
}
