import type { GuestFacts, Instance } from '../../src/contracts/index.ts'
import type { Clock } from '../../src/kernel/index.ts'

/** Asks the control plane about a guest; the answer comes by `take`. */
export interface GuestQuestions {
  wanted(serverId: string): Promise<void>
  password(serverId: string, password: string): Promise<void>
}

/** What is known of this host's guests: what they were made from, with what has changed since. */
export interface KnownGuests {
  /** Null where no such guest was made here. Of what changed, at most `FRESH_MS` old where the control plane answers. */
  find(serverId: string): Promise<{ instance: Instance; password: string } | null>
  /** Hands in a guest's password. @returns the one that counts, which is an earlier one where there is one, or null. */
  setPassword(serverId: string, password: string): Promise<string | null>
  take(facts: GuestFacts): void
}

export interface KnownGuestsOptions {
  readonly kept: (serverId: string) => Promise<Instance | null>
  readonly ask: GuestQuestions
  readonly clock: Clock
}

/** Nova's `metadata_cache_expiration`. */
export const FRESH_MS = 15_000
/** A guest that boots is not kept waiting: without an answer it gets what is kept. */
const ANSWER_MS = 2_000
const PASSWORD_MS = 5_000
const MAX_KNOWN = 4_096

export function createKnownGuests({ kept, ask, clock }: KnownGuestsOptions): KnownGuests {
  const known = new Map<string, { facts: GuestFacts; at: number }>()
  /** Who waits for an answer about a server. */
  const waiting = new Map<string, PromiseWithResolvers<GuestFacts>>()
  /** When the control plane last let a question go unanswered: for a while nobody else waits for it. */
  let unansweredAt = -Infinity

  async function answer(serverId: string, question: () => Promise<void>, deadline_ms: number): Promise<GuestFacts | null> {
    const wait = waiting.get(serverId) ?? Promise.withResolvers<GuestFacts>()
    waiting.set(serverId, wait)
    const late = new AbortController()
    const sent = question().catch(() => {})
    const facts = await Promise.race([wait.promise, clock.sleep(deadline_ms, late.signal).then(() => null)])
    late.abort()
    await sent
    if (waiting.get(serverId) === wait) waiting.delete(serverId)
    return facts
  }

  async function factsOf(serverId: string): Promise<GuestFacts | null> {
    const held = known.get(serverId)
    const now = clock.now()
    if (held && now - held.at < FRESH_MS) return held.facts
    if (now - unansweredAt < FRESH_MS) return held?.facts ?? null
    const facts = await answer(serverId, () => ask.wanted(serverId), ANSWER_MS)
    if (!facts) unansweredAt = clock.now()
    return facts ?? held?.facts ?? null
  }

  return {
    async find(serverId) {
      const instance = await kept(serverId)
      if (!instance) return null
      const facts = await factsOf(serverId)
      if (!facts) return { instance, password: '' }
      const { password, ...changed } = facts
      return { instance: { ...instance, ...changed }, password }
    },

    async setPassword(serverId, password) {
      const facts = await answer(serverId, () => ask.password(serverId, password), PASSWORD_MS)
      return facts?.password ?? null
    },

    take(facts) {
      known.delete(facts.server_id)
      known.set(facts.server_id, { facts, at: clock.now() })
      // The oldest goes first; it is asked for again.
      if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!)
      unansweredAt = -Infinity
      waiting.get(facts.server_id)?.resolve(facts)
      waiting.delete(facts.server_id)
    },
  }
}
