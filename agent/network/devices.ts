import { readdir } from 'node:fs/promises'
import type { Device } from './layout.ts'
import { namespacePrefix, ownerAlias } from './names.ts'
import { NAMESPACE_DIRECTORY } from './namespace.ts'
import type { Shell } from './shell.ts'

/** An interface of the machine's own network. */
export interface Link {
  readonly name: string
  readonly mtu: number
  readonly master: string | null
  readonly up: boolean
  readonly ours: boolean
}

export async function linksPresent(shell: Shell, scope: string): Promise<ReadonlyMap<string, Link>> {
  const found = await shell.query(null, 'link', 'show')
  return new Map(
    found.map(({ ifname, mtu, master, flags, ifalias }) => {
      const name = String(ifname)
      const up = (flags as string[]).includes('UP')
      return [name, { name, mtu: Number(mtu), master: (master as string) ?? null, up, ours: ifalias === ownerAlias(scope) }]
    }),
  )
}

/** Namespaces that this host has made. */
export async function namespacesPresent(scope: string): Promise<string[]> {
  const names = await readdir(NAMESPACE_DIRECTORY).catch(() => [])
  return names.filter((name) => name.startsWith(namespacePrefix(scope)))
}

/** An interface has a name that we need, and we did not make it. */
export class ForeignInterface extends Error {
  override readonly name = 'ForeignInterface'
}

/**
 * Lines for `ip` that make what is missing and set right what differs.
 * @throws {ForeignInterface} rather than take over what others made.
 */
export function deviceChanges(wanted: readonly Device[], present: ReadonlyMap<string, Link>, scope: string): string[] {
  return wanted.flatMap(({ name, mtu, master, make }) => {
    const link = present.get(name)
    if (link && !link.ours) throw new ForeignInterface(`the interface ${name} is there, and not made by this host`)
    const enslave = master !== null && link?.master !== master ? [`link set ${name} master ${master}`] : []
    if (!link) {
      // Without addresses of any kind on it the machine takes no part in what the bridge carries.
      return [...make, `link set ${name} alias ${ownerAlias(scope)} addrgenmode none mtu ${mtu}`, ...enslave, `link set ${name} up`]
    }
    return [
      ...(link.mtu === mtu ? [] : [`link set ${name} mtu ${mtu}`]),
      ...enslave,
      ...(link.up ? [] : [`link set ${name} up`]),
    ]
  })
}

/** Interfaces of ours that nobody wants any more; a bridge stays for as long as something else is on it. */
export function surplusLinks(wanted: readonly Device[], present: ReadonlyMap<string, Link>): string[] {
  const names = new Set(wanted.map(({ name }) => name))
  const links = [...present.values()]
  return links
    .filter(({ name, ours }) => ours && !names.has(name))
    .filter(({ name }) => !links.some((other) => other.master === name && !other.ours))
    .map(({ name }) => name)
}

/** What is on our bridges without being a known port or the gateway: a tap whose port has gone, say. */
export function strangersOn(wanted: readonly Device[], taps: ReadonlySet<string>, present: ReadonlyMap<string, Link>): string[] {
  const own = new Set(wanted.map(({ name }) => name))
  return [...present.values()]
    .filter(({ name, ours, master }) => !ours && !taps.has(name) && master !== null && (own.has(master) || present.get(master)?.ours))
    .map(({ name }) => name)
    .toSorted()
}
