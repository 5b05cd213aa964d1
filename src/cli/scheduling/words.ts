import { AddedHosts } from '../../contracts/index.ts'
import { UsageError } from '../run.ts'

/** @throws {UsageError} for what is no number of servers */
export function readCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`--count ${text}: expected a number from 1 up`)
  return Number(text)
}

/** `key=value` each; a key that comes again makes a list, as clients send repeated hints. */
export function readHints(words: readonly string[]): Record<string, string | string[]> {
  const hints: Record<string, string | string[]> = {}
  for (const word of words) {
    const [, key, value] = /^(\w+)=(.*)$/s.exec(word) ?? []
    if (key === undefined || value === undefined) throw new UsageError(`--hint ${word}: expected KEY=VALUE`)
    const known = hints[key]
    hints[key] = known === undefined ? value : [known, value].flat()
  }
  return hints
}

/** `like=HOST,count=4`, in the words of the API. */
export function readAdded(words: string): Record<string, string | number> {
  const fields = AddedHosts.properties as Record<string, { type: string }>
  return Object.fromEntries(
    words.split(',').map((word) => {
      const [, key = '', value = ''] = /^(\w+)=(.+)$/.exec(word) ?? []
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined
      if (!field) throw new UsageError(`--add ${words}: '${word}' is none of ${Object.keys(fields).join('=…, ')}=…`)
      if (field.type === 'string') return [key, value]
      if (!Number.isFinite(Number(value))) throw new UsageError(`--add ${words}: ${key} is a number, not '${value}'`)
      return [key, Number(value)]
    }),
  )
}
