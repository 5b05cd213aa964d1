import { unavailable } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'
import { type Bus, BusTimeout, BusUnavailable, type Json, MAX_DELIVERIES, type Subscription } from './bus.ts'
import { failureOf, problemOf } from './failure.ts'
import { type InFlight, inFlight } from './in-flight.ts'
import { MAX_WAITING, REDELIVERY_WAIT_MS } from './limits.ts'
import { type Queue, queue } from './queue.ts'

/**
 * The bus of a single process. Messages are handed over as they are, so whoever sends or gets one must not change it;
 * handlers run in a microtask after the sender's statement.
 */
export function createMemoryBus({ log }: { log: Logger }): Bus {
  const topics = new Map<string, Topic>()
  const calls = new Map<string, CallTopic>()
  const listeners = new Map<string, Set<(message: Json) => void>>()
  const subscriptions = new Set<Subscription>()
  let closed = false

  function assertOpen(): void {
    if (closed) throw unavailable('The message bus is closed.')
  }

  function subscription(stop: () => Promise<void>): Subscription {
    let stopping: Promise<void> | undefined
    const self: Subscription = {
      ready: Promise.resolve(),
      stop: () => (stopping ??= stop().finally(() => subscriptions.delete(self))),
    }
    subscriptions.add(self)
    return self
  }

  return {
    async publish(topic, message) {
      assertOpen()
      const { groups, early } = at(topics, topic, newTopic)
      if (groups.size === 0) return hold(early, { message, deliveries: 0 }, topic, log)
      for (const group of groups.values()) {
        hold(group.waiting, { message, deliveries: 0 }, topic, log)
        deliver(group)
      }
    },

    consume(topic, options, handler) {
      assertOpen()
      const { groups, early } = at(topics, topic, newTopic)
      const first = groups.size === 0
      const group = at(groups, options.group, () => ({ waiting: queue<Waiting>(), members: new Set<Member>() }))
      for (let held = first ? early.shift() : undefined; held; held = early.shift()) group.waiting.push(held)
      const member: Member = { slots: inFlight(options.concurrency, () => deliver(group)), handle }

      async function handle(waiting: Waiting): Promise<void> {
        waiting.deliveries++
        try {
          await handler(waiting.message)
        } catch (err) {
          redeliver(group, waiting, err)
        }
      }

      function redeliver(to: Group, waiting: Waiting, err: unknown): void {
        const what = `a message on ${topic} for ${options.group}`
        if (waiting.deliveries >= MAX_DELIVERIES) {
          log.error({ err }, `${what} failed ${MAX_DELIVERIES} times and is dropped`)
          return
        }
        log.warn({ err }, `${what} failed and is delivered again`)
        setTimeout(() => {
          hold(to.waiting, waiting, topic, log)
          deliver(to)
        }, REDELIVERY_WAIT_MS * waiting.deliveries).unref()
      }

      group.members.add(member)
      deliver(group)
      return subscription(async () => {
        group.members.delete(member)
        await member.slots.drained()
      })
    },

    async broadcast(topic, message) {
      assertOpen()
      for (const listener of listeners.get(topic) ?? []) queueMicrotask(() => listener(message))
    },

    listen(topic, handler) {
      assertOpen()
      const set = at(listeners, topic, () => new Set<(message: Json) => void>())
      let stopped = false
      const listener = (message: Json): void => {
        if (stopped) return
        try {
          handler(message)
        } catch (err) {
          log.error({ err }, `a listener on ${topic} failed`)
        }
      }
      set.add(listener)
      return subscription(async () => {
        stopped = true
        set.delete(listener)
      })
    },

    call(topic, request, { deadline_s }) {
      return new Promise<Json>((resolve, reject) => {
        assertOpen()
        const calling = at(calls, topic, newCallTopic)
        const entry: PendingCall = { request, resolve, reject, expired: false, timer: undefined }
        entry.timer = setTimeout(() => {
          entry.expired = true
          reject(new BusTimeout(`no reply on ${topic} within ${deadline_s} s`))
        }, deadline_s * 1000)
        if (calling.waiting.length >= MAX_WAITING) {
          clearTimeout(entry.timer)
          return reject(new BusUnavailable('The message bus is overloaded.'))
        }
        calling.waiting.push(entry)
        answerNext(calling)
      })
    },

    serve(topic, { concurrency }, handler) {
      assertOpen()
      const calling = at(calls, topic, newCallTopic)
      const server: Server = {
        slots: inFlight(concurrency, () => answerNext(calling)),
        async answer(entry) {
          try {
            entry.resolve(await handler(entry.request))
          } catch (error) {
            entry.reject(problemOf(failureOf(error, topic, log)))
          } finally {
            clearTimeout(entry.timer)
          }
        },
      }
      calling.servers.push(server)
      answerNext(calling)
      return subscription(async () => {
        calling.servers.splice(calling.servers.indexOf(server), 1)
        await server.slots.drained()
      })
    },

    async health() {
      return !closed
    },

    async close() {
      closed = true
      for (const { waiting } of calls.values()) {
        for (let call = waiting.shift(); call; call = waiting.shift()) {
          clearTimeout(call.timer)
          call.reject(unavailable('The message bus is closed.'))
        }
      }
      await Promise.all([...subscriptions].map((each) => each.stop()))
    },
  }
}

interface Waiting {
  readonly message: Json
  deliveries: number
}

interface Member {
  readonly slots: InFlight
  handle(waiting: Waiting): Promise<void>
}

interface Group {
  readonly waiting: Queue<Waiting>
  readonly members: Set<Member>
}

interface Topic {
  readonly groups: Map<string, Group>
  /** Messages from before the first group joined: it gets them. */
  readonly early: Queue<Waiting>
}

interface PendingCall {
  readonly request: Json
  readonly resolve: (reply: Json) => void
  readonly reject: (error: Error) => void
  expired: boolean
  timer: Timer | undefined
}

interface Server {
  readonly slots: InFlight
  answer(entry: PendingCall): Promise<void>
}

interface CallTopic {
  readonly waiting: Queue<PendingCall>
  /** The one that answered last stands last. */
  readonly servers: Server[]
}

const newTopic = (): Topic => ({ groups: new Map(), early: queue() })
const newCallTopic = (): CallTopic => ({ waiting: queue(), servers: [] })

function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}

function hold(waiting: Queue<Waiting>, item: Waiting, topic: string, log: Logger): void {
  if (waiting.length >= MAX_WAITING) {
    waiting.shift()
    log.warn(`more than ${MAX_WAITING} messages wait on ${topic}: the oldest is dropped`)
  }
  waiting.push(item)
}

/** Gives waiting messages to members that have a slot free, in turn. */
function deliver(group: Group): void {
  for (const member of group.members) {
    if (group.waiting.length === 0) return
    if (member.slots.free <= 0) continue
    const next = group.waiting.shift() as Waiting
    group.members.delete(member)
    group.members.add(member)
    member.slots.run(() => Promise.resolve().then(() => member.handle(next)))
  }
}

function answerNext(topic: CallTopic): void {
  while (topic.waiting.length > 0) {
    const index = topic.servers.findIndex((server) => server.slots.free > 0)
    const server = topic.servers[index]
    if (!server) return
    const entry = topic.waiting.shift() as PendingCall
    if (entry.expired) continue
    if (topic.servers.length > 1) topic.servers.push(...topic.servers.splice(index, 1))
    server.slots.run(() => Promise.resolve().then(() => server.answer(entry)))
  }
}
