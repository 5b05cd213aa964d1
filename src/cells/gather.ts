import { Problem } from '../kernel/index.ts'
import { asProblem } from '../platform/db/index.ts'

/** One of several places that are asked the same. */
export interface Source<T> {
  readonly name: string
  read(): Promise<T[]>
}

export interface Gathered<T> {
  /** One list for each source that answered, in their order. */
  readonly lists: readonly T[][]
  /** The names of those that cannot be reached. */
  readonly unreachable: readonly string[]
}

/**
 * Asks all at once. One that cannot be reached costs its own part of the answer only; any other failure is thrown.
 * @param leftOut is told of each that cannot be reached
 */
export async function gather<T>(
  sources: readonly Source<T>[],
  leftOut: (source: string, error: Problem) => void,
): Promise<Gathered<T>> {
  const unreachable: string[] = []
  const lists = await Promise.all(
    sources.map(async (source) => {
      try {
        return await source.read()
      } catch (error) {
        if (!isUnreachable(error)) throw error
        leftOut(source.name, error instanceof Problem ? error : asProblem(error)!)
        unreachable.push(source.name)
        return null
      }
    }),
  )
  return { lists: lists.filter((list) => list !== null), unreachable }
}

/** Whether a failure says that a database is away, rather than that something is wrong with what was asked of it. */
export function isUnreachable(error: unknown): boolean {
  return (error instanceof Problem ? error : asProblem(error))?.kind === 'unavailable'
}
