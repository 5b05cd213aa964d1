import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'

/** What an operator set, with the file it stands in. */
export interface OperatorRule {
  readonly rule: unknown
  readonly file: string
}

const MAX_POLICY_BYTES = 4 * 1024 * 1024

/** The policy file and the files of the directories in their order of names; what is missing counts as empty. */
export function policyFiles(file: string | undefined, dirs: readonly string[]): string[] {
  const files = file !== undefined && exists(file) ? [file] : []
  for (const dir of dirs) {
    if (!exists(dir)) continue
    const names = readdirSync(dir).filter((name) => !name.startsWith('.'))
    files.push(...names.sort().map((name) => join(dir, name)))
  }
  return files
}

/** Changes whenever one of the files does. */
export function fingerprint(files: readonly string[]): string {
  return files
    .map((file) => {
      const { mtimeMs, size, ino } = statSync(file)
      return `${file}:${mtimeMs}:${size}:${ino}`
    })
    .join('\n')
}

/**
 * Reads YAML or JSON maps of rule names; later files win.
 * @throws an Error that names the file and what is wrong with it
 */
export function readRules(files: readonly string[]): Map<string, OperatorRule> {
  const rules = new Map<string, OperatorRule>()
  for (const file of files) {
    for (const [name, rule] of Object.entries(readMap(file))) rules.set(name, { rule, file })
  }
  return rules
}

function readMap(file: string): Record<string, unknown> {
  if (statSync(file).size > MAX_POLICY_BYTES) throw new Error(`${file}: larger than ${MAX_POLICY_BYTES} bytes`)
  let content: unknown
  try {
    content = parseYaml(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause })
  }
  if (content === null || content === undefined) return {}
  if (typeof content !== 'object' || Array.isArray(content)) throw new Error(`${file}: not a map of rules`)
  return content as Record<string, unknown>
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
