import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type HostNetworks, networksPush } from '../../src/contracts/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { deviceChanges, linksPresent, namespacesPresent, strangersOn, surplusLinks } from './devices.ts'
import { createDnsmasqs } from './dnsmasq.ts'
import type { DhcpOptions } from './dnsmasq-files.ts'
import { domainRuleset } from './domain-ruleset.ts'
import { devicesOf, type Domain, domainLines, type Layout, layoutOf, machineLines, tapsOf } from './layout.ts'
import { apply, difference, machineLinesPresent, namespaceLines } from './lines.ts'
import { tableName } from './names.ts'
import { inNamespace, namespacePath } from './namespace.ts'
import { removal, ruleset } from './ruleset.ts'
import { createShell } from './shell.ts'

export interface HostNetworkOptions {
  /** Eight hexadecimal digits by which this host knows what it made (`scopeOf`). */
  readonly scope: string
  /** Path of the network namespace in which bridges and taps are; null for the machine's own. */
  readonly namespace: string | null
  /** `networks` in the state path. */
  readonly directory: string
  /** `[DEFAULT] public_interface`: where guests' traffic leaves; null where it never does. */
  readonly public_interface: string | null
  readonly dhcp: Omit<DhcpOptions, 'forward_dns'>
  readonly log: Logger
  /** Told of each namespace in which guests look for services of this process, and of its end. */
  readonly services?: NetworkServices
}

export interface NetworkServices {
  serve(domain: Domain): void
  retain(domainIds: ReadonlySet<string>): void
}

/** The kernel's side of a host's network: makes it what it has to be. */
export interface HostNetwork {
  /**
   * Makes the network so. What was made for an earlier state stays where this one has it too; only differences are
   * touched. An older state than the one that holds changes nothing.
   */
  take(state: HostNetworks): Promise<void>
  /** Compares all that is there with what has to be, and repairs it. */
  repair(): Promise<void>
  /** The last state, also of an earlier process; null before there was one. */
  state(): HostNetworks | null
  /** Resolves when what was asked for before is made, or has failed. */
  settled(): Promise<void>
  /** Why the ports of a network cannot work now, or null. */
  problem(networkId: string): string | null
  /** Removes what was made if no guest uses it; a guest that runs keeps its network. What has to be is remembered. */
  leave(): Promise<void>
}

/** What is known to be there, so that nothing is asked or done twice. */
interface Applied {
  readonly lines: readonly string[]
  readonly rules: string
}

const STATE_FILE = 'state.json'
const SYSCTLS: readonly (readonly [string, string])[] = [
  ['ipv4/ip_forward', '1'],
  ['ipv4/conf/all/send_redirects', '0'],
  ['ipv4/conf/default/send_redirects', '0'],
  ['ipv6/conf/all/forwarding', '1'],
  ['ipv6/conf/default/accept_ra', '0'],
]

export async function openHostNetwork(options: HostNetworkOptions): Promise<HostNetwork> {
  const { scope, directory, public_interface, log } = options
  const shell = createShell(options.namespace)
  const table = tableName(scope)
  const dhcp = { ...options.dhcp, forward_dns: public_interface !== null }
  const dnsmasqs = createDnsmasqs(directory, dhcp, shell, log)
  const applied = new Map<string, Applied>()
  const problems = new Map<string, string>()
  let machine: readonly string[] | null = null
  let rules = ''
  /** How nftables itself shows our tables after we wrote them: another answer means that somebody else did. */
  let listing: string | null = null
  await mkdir(directory, { recursive: true, mode: 0o755 })
  let current = await savedState(join(directory, STATE_FILE))
  let turn: Promise<void> = Promise.resolve()

  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  async function reconcile(state: HostNetworks, everything: boolean): Promise<void> {
    const layout = layoutOf(state, { scope, public_interface })
    const wanted = devicesOf(layout)
    const [links, namespaces] = await Promise.all([linksPresent(shell, scope), namespacesPresent(scope)])
    await writeRules(state, layout, strangersOn(wanted, new Set(tapsOf(layout).keys()), links), everything)
    problems.clear()
    for (const domain of layout.domains) {
      try {
        const isNew = !namespaces.includes(domain.namespace)
        if (isNew) await makeNamespace(domain.namespace)
        if (isNew) applied.delete(domain.id)
        await shell.ip(null, deviceChanges(devicesOf({ domains: [domain] }), links, scope))
        await serveDomain(domain, everything)
      } catch (err) {
        const why = err instanceof Error ? err.message : String(err)
        log.error({ err }, `a network cannot be served on this host: ${why}`)
        for (const { network } of domain.segments) problems.set(network.id, why)
        applied.delete(domain.id)
      }
    }
    await leadOutside(layout, everything).catch((err: unknown) => {
      machine = null
      log.error({ err }, `guests cannot leave by ${public_interface}`)
    })
    await removeSurplus(layout)
  }

  async function writeRules(state: HostNetworks, layout: Layout, strangers: readonly string[], check: boolean): Promise<void> {
    const text = ruleset(state, layout, { table, public_interface, strangers })
    if (text === rules && !(check && (listing === null || (await listRules()) !== listing))) return
    await shell.nft(null, text)
    rules = text
    listing = check ? await listRules() : null
  }

  async function listRules(): Promise<string> {
    const lists = ['inet', 'bridge'].map((family) => shell.run(null, ['nft', '-s', 'list', 'table', family, table]))
    return (await Promise.all(lists).catch(() => ['none'])).join('')
  }

  async function makeNamespace(name: string): Promise<void> {
    await shell.run(null, ['ip', 'netns', 'add', name])
    inNamespace(namespacePath(name), () => {
      for (const [key, value] of SYSCTLS) writeFileSync(`/proc/sys/net/${key}`, value)
    })
  }

  async function serveDomain(domain: Domain, everything: boolean): Promise<void> {
    const { id, namespace } = domain
    const known = everything ? undefined : applied.get(id)
    const lines = domainLines(domain)
    const text = domainRuleset(domain)
    if (known?.rules !== text) await shell.nft(namespace, text)
    await apply(shell, namespace, difference(known?.lines ?? (await namespaceLines(shell, namespace)), lines))
    for (const segment of domain.segments) await dnsmasqs.serve(segment, namespace)
    options.services?.serve(domain)
    applied.set(id, { lines, rules: text })
  }

  async function leadOutside(layout: Layout, everything: boolean): Promise<void> {
    const lines = machineLines(layout, public_interface)
    if (machine === null || everything) machine = await machineLinesPresent(shell, uplinks(layout))
    await apply(shell, null, difference(machine, lines))
    machine = lines
    if (public_interface === null) return
    inNamespace(options.namespace, () => {
      for (const name of [public_interface, ...uplinks(layout)]) {
        writeFileSync(`/proc/sys/net/ipv4/conf/${name}/forwarding`, '1')
      }
    })
  }

  async function removeSurplus(layout: Layout): Promise<void> {
    const wanted = devicesOf(layout)
    await dnsmasqs.retain(new Set(layout.domains.flatMap(({ segments }) => segments.map(({ network }) => network.id))))
    options.services?.retain(new Set(layout.domains.map(({ id }) => id)))
    const keep = new Set(layout.domains.map(({ namespace }) => namespace))
    const links = surplusLinks(wanted, await linksPresent(shell, scope))
    if (links.length > 0) await shell.ip(null, links.map((name) => `link delete ${name}`))
    for (const name of await namespacesPresent(scope)) {
      if (!keep.has(name)) await shell.run(null, ['ip', 'netns', 'delete', name])
    }
    for (const id of applied.keys()) if (!layout.domains.some((domain) => domain.id === id)) applied.delete(id)
  }

  return {
    state: () => current,
    settled: () => turn,
    problem: (networkId) => problems.get(networkId) ?? null,

    take: (state) =>
      inTurn(async () => {
        if (current && state.as_of < current.as_of) return
        const first = current === null
        current = state
        await save(join(directory, STATE_FILE), state)
        await reconcile(state, first)
      }),

    repair: () => inTurn(async () => (current ? reconcile(current, true) : undefined)),

    leave: () =>
      inTurn(async () => {
        const links = await linksPresent(shell, scope)
        const inUse = [...links.values()].some(({ ours, master }) => !ours && master !== null && links.get(master)?.ours)
        if (inUse) return
        await reconcile(NOTHING, true)
        await shell.nft(null, `${removal(table).join('\n')}\n`)
        rules = ''
      }),
  }
}

const NOTHING: HostNetworks = { as_of: 0, networks: [], routers: [], ports: [], security_groups: [], remote_groups: [] }

const uplinks = ({ domains }: Layout): ReadonlySet<string> =>
  new Set(domains.flatMap(({ uplink }) => (uplink ? [uplink.outside] : [])))

async function save(file: string, state: HostNetworks): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(state), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/** What an earlier process knew: guests that run go on being served while the control plane is away. */
async function savedState(file: string): Promise<HostNetworks | null> {
  try {
    return networksPush.parse({ push: 'networks', networks: JSON.parse(await readFile(file, 'utf8')) }).networks
  } catch {
    return null
  }
}

