/** A column of a table for people: numbers stand right. */
export interface Column {
  readonly title: string
  readonly right?: boolean
}

/** Rows under their titles, two blanks between columns; no trailing blanks. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], indent = ''): string {
  const titles = columns.map(({ title }) => title)
  const widths = columns.map((_, index) => Math.max(...[titles, ...rows].map((row) => (row[index] ?? '').length)))
  const line = (row: readonly string[]): string => {
    const cells = columns.map(({ right }, index) => {
      const text = row[index] ?? ''
      return right ? text.padStart(widths[index]!) : text.padEnd(widths[index]!)
    })
    return `${indent}${cells.join('  ')}`.trimEnd()
  }
  const rule = widths.map((width) => '─'.repeat(width))
  return [line(titles), line(rule), ...rows.map(line)].join('\n')
}
