import { badRequest } from '../../kernel/index.ts'

export const MAX_JSON_DEPTH = 64

// A byte order mark stays in the text, where JSON has no place for it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses a body more strictly than `JSON.parse`: what two parsers could read differently (duplicate keys, invalid
 * UTF-8), what the database cannot hold (NUL) and what only an attack has (deep nesting, `__proto__`) is refused.
 * @throws {Problem} bad_request
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch (cause) {
    throw badRequest('Malformed request body: it is not valid UTF-8.', cause)
  }
  checkStructure(text)
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw badRequest('Malformed request body: it is not valid JSON.', cause)
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COLON = 0x3a

/**
 * One pass over the text before it is parsed. It looks only at brackets, strings and colons; whether the rest is JSON
 * is left to `JSON.parse`.
 */
function checkStructure(text: string): void {
  /** The keys of each open object; `null` for an array. */
  const open: (Set<string> | null)[] = []
  let lastString = ''
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at)
        lastString = text.slice(at, end)
        if (lastString.includes('\\u')) checkEscapes(lastString)
        at = end - 1
        break
      }
      case COLON: {
        const keys = open.at(-1)
        if (keys) addKey(keys, lastString)
        break
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (open.length === MAX_JSON_DEPTH) {
          throw badRequest(`Malformed request body: it is nested deeper than ${MAX_JSON_DEPTH} levels.`)
        }
        open.push(text.charCodeAt(at) === OPEN_BRACE ? new Set() : null)
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop()
    }
  }
}

/** Index just behind the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at + 1
  }
  return text.length
}

function addKey(keys: Set<string>, quoted: string): void {
  const key = quoted.includes('\\') ? unescaped(quoted) : quoted.slice(1, -1)
  if (keys.has(key)) throw badRequest(`Malformed request body: the key '${key.slice(0, 64)}' occurs twice.`)
  if (key === '__proto__') throw badRequest(`Malformed request body: the key '__proto__' is not allowed.`)
  keys.add(key)
}

function unescaped(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch (cause) {
    throw badRequest('Malformed request body: it is not valid JSON.', cause)
  }
}

/** PostgreSQL's text holds neither NUL nor half a surrogate pair. */
function checkEscapes(quoted: string): void {
  const text = unescaped(quoted)
  if (text.includes('\0')) throw badRequest('Malformed request body: NUL characters are not allowed.')
  if (!text.isWellFormed()) throw badRequest('Malformed request body: it has half of a surrogate pair.')
}
