const POLL_MS = 20

/** Waits until `check` no longer throws. @throws {Error} what it threw last, when `deadline_s` have passed. */
export async function eventually<T>(check: () => Promise<T>, deadline_s = 30): Promise<T> {
  const deadline = Date.now() + deadline_s * 1000
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await Bun.sleep(POLL_MS)
    }
  }
}
