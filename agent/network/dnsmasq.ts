import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isUuid } from '../../src/kernel/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { isV4 } from './addresses.ts'
import type { Segment } from './layout.ts'
import { type DhcpOptions, type DnsmasqFiles, dnsmasqFiles, RELOADED } from './dnsmasq-files.ts'
import { namespacePath } from './namespace.ts'
import type { Shell } from './shell.ts'

/** DHCP and DNS: one dnsmasq for each network, which outlives this process. */
export interface Dnsmasqs {
  /** Starts, reloads or restarts the network's, whichever is due; ends it where nobody asks for an address. */
  serve(segment: Segment, namespace: string): Promise<void>
  /** Ends the dnsmasq of every other network, and removes its files. */
  retain(networkIds: ReadonlySet<string>): Promise<void>
}

const END_DEADLINE_MS = 2_000
const POLL_MS = 20

/** @param directory `networks` in the state path: a directory for each network, with what its dnsmasq reads and keeps. */
export function createDnsmasqs(directory: string, options: DhcpOptions, shell: Shell, log: Logger): Dnsmasqs {
  const of = (networkId: string): string => join(directory, networkId)

  async function serve(segment: Segment, namespace: string): Promise<void> {
    const { id } = segment.network
    const own = of(id)
    const files = dnsmasqFiles(segment, own, options)
    if (!files) return remove(id)
    const before = await filesPresent(own)
    const pid = await pidOf(own)
    const moved = pid !== null && !(await isIn(pid, namespace))
    if (pid !== null && !moved && before['dnsmasq.conf'] === files['dnsmasq.conf'] && !(await takesOver(own, files.hosts))) {
      const changed = RELOADED.filter((name) => before[name] !== files[name])
      if (changed.length === 0) return
      for (const name of changed) await writeFile(join(own, name), files[name])
      process.kill(pid, 'SIGHUP')
      return
    }
    if (pid !== null) await end(pid)
    await mkdir(own, { recursive: true, mode: 0o755 })
    for (const [name, content] of Object.entries(files)) await writeFile(join(own, name), content)
    await forgetOldLeases(join(own, 'leases'), files.hosts)
    await shell.run(namespace, ['dnsmasq', `--conf-file=${join(own, 'dnsmasq.conf')}`])
    log.info({ network: id }, 'dnsmasq serves the network')
  }

  async function remove(id: string): Promise<void> {
    const pid = await pidOf(of(id))
    if (pid !== null) await end(pid)
    await rm(of(id), { recursive: true, force: true })
  }

  return {
    serve,
    async retain(networkIds) {
      const present = await readdir(directory).catch(() => [])
      for (const id of present) if (isUuid(id) && !networkIds.has(id)) await remove(id)
    },
  }
}

async function filesPresent(directory: string): Promise<Partial<DnsmasqFiles>> {
  const names = ['dnsmasq.conf', ...RELOADED] as const
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8').catch(() => undefined)))
  return Object.fromEntries(names.map((name, index) => [name, texts[index]]))
}

/** The process that reads this directory's configuration; a number in a file alone may be anybody's by now. */
async function pidOf(directory: string): Promise<number | null> {
  const pid = Number(await readFile(join(directory, 'pid'), 'utf8').catch(() => ''))
  if (!Number.isInteger(pid) || pid <= 1) return null
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return command.split('\0').includes(`--conf-file=${join(directory, 'dnsmasq.conf')}`) ? pid : null
}

async function isIn(pid: number, namespace: string): Promise<boolean> {
  const [own, wanted] = await Promise.all([
    stat(`/proc/${pid}/ns/net`).catch(() => null),
    stat(namespacePath(namespace)).catch(() => null),
  ])
  return own !== null && own.ino === wanted?.ino
}

async function end(pid: number): Promise<void> {
  const deadline = Date.now() + END_DEADLINE_MS
  for (let signal: NodeJS.Signals = 'SIGTERM'; existsSync(`/proc/${pid}`); signal = Date.now() > deadline ? 'SIGKILL' : 'SIGTERM') {
    try {
      process.kill(pid, signal)
    } catch {
      return
    }
    await Bun.sleep(POLL_MS)
  }
}

/** Whether an address has another owner than its lease says: dnsmasq would keep it for that one. */
async function takesOver(directory: string, hosts: string): Promise<boolean> {
  const owners = ownersIn(hosts)
  return (await leasesIn(join(directory, 'leases'))).some(
    ({ mac, address }) => isV4(address) && owners.has(address) && owners.get(address) !== mac,
  )
}

function ownersIn(hosts: string): Map<string, string> {
  return new Map(
    hosts.split('\n').flatMap((line) => {
      const [mac = '', , ...addresses] = line.split(',')
      return addresses.map((address): [string, string] => [address.replace(/[[\]]/g, ''), mac])
    }),
  )
}

/** `expiry mac address name client-id` in IPv4; IPv6 has other fields, and addresses that nobody else gets. */
async function leasesIn(file: string): Promise<{ line: string; mac: string; address: string }[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.split('\n').filter(Boolean).map((line) => {
    const [, mac = '', address = ''] = line.split(' ')
    return { line, mac, address }
  })
}

async function forgetOldLeases(file: string, hosts: string): Promise<void> {
  const owners = ownersIn(hosts)
  const kept = (await leasesIn(file)).filter(({ mac, address }) => owners.get(address) === mac)
  await writeFile(file, kept.map(({ line }) => `${line}\n`).join(''))
}
