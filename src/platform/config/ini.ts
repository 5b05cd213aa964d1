/** One `key = value` of a file. */
export interface Entry {
  readonly section: string
  readonly key: string
  readonly value: string
  /** `file:line`, for messages. */
  readonly where: string
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Reads oslo.config's INI: `[section]`, `key = value` or `key: value`, comments at the start of a line. Lines that
 * begin with a blank continue the value before them; one pair of quotes around a value is taken off.
 * @throws {ConfigError} naming file and line of what is none of these
 */
export function parseIni(text: string, file: string): Entry[] {
  const entries: Entry[] = []
  let section = 'DEFAULT'
  let open: { key: string; lines: string[]; line: number } | undefined

  function close(): void {
    if (!open) return
    entries.push({ section, key: open.key, value: unquoted(open.lines.join('\n')), where: `${file}:${open.line}` })
    open = undefined
  }

  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trimEnd()
    if (line === '') {
      close()
    } else if (/^[ \t]/.test(line)) {
      if (!open) throw new ConfigError(`${file}:${index + 1}: a line that begins with a blank continues nothing`)
      open.lines.push(line.trim())
    } else if (line.startsWith('#') || line.startsWith(';')) {
      close()
    } else if (line.startsWith('[')) {
      close()
      section = sectionName(line, `${file}:${index + 1}`)
    } else {
      close()
      open = { ...keyAndValue(line, `${file}:${index + 1}`), line: index + 1 }
    }
  }
  close()
  return entries
}

function sectionName(line: string, where: string): string {
  const name = /^\[(.+)\]$/.exec(line)?.[1]?.trim()
  if (!name) throw new ConfigError(`${where}: a section reads [name]`)
  return name
}

function keyAndValue(line: string, where: string): { key: string; lines: string[] } {
  const separator = line.search(/[=:]/)
  if (separator === -1) throw new ConfigError(`${where}: '${line.slice(0, 40)}' is neither a section nor key = value`)
  const key = line.slice(0, separator).trim()
  if (key === '') throw new ConfigError(`${where}: there is no key before '${line[separator]}'`)
  return { key, lines: [line.slice(separator + 1).trim()] }
}

function unquoted(value: string): string {
  return /^(["'])[^]*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value
}
