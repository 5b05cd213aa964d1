/**
 * Lets callers that ask the same at the same time share one read. A read begins after everyone who shares it has asked,
 * so nobody gets an answer older than the question; while one is under way, those who come wait for the next.
 */
export function createSharedReads(): <T>(question: string, read: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<unknown>>()
  const waiting = new Map<string, Promise<unknown>>()

  return <T>(question: string, read: () => Promise<T>): Promise<T> => {
    const shared = waiting.get(question)
    if (shared) return shared as Promise<T>
    const next = begin(question, read)
    waiting.set(question, next)
    return next
  }

  async function begin<T>(question: string, read: () => Promise<T>): Promise<T> {
    await running.get(question)?.catch(() => {})
    waiting.delete(question)
    const reading = read()
    running.set(question, reading)
    try {
      return await reading
    } finally {
      running.delete(question)
    }
  }
}
