import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { findProgram } from './command.ts'

/** Programs, and the packages of Debian and Ubuntu that bring them. */
export interface Need {
  readonly programs: readonly string[]
  readonly packages: readonly string[]
}

/** What a compute host of libvirt and QEMU is made of, with the network of its guests. */
export const HYPERVISOR: readonly Need[] = [
  { programs: ['libvirtd', 'virtlogd'], packages: ['libvirt-daemon', 'libvirt-daemon-driver-qemu'] },
  { programs: ['virsh'], packages: ['libvirt-clients'] },
  { programs: ['qemu-system-x86_64'], packages: ['qemu-system-x86'] },
  { programs: ['qemu-img'], packages: ['qemu-utils'] },
  { programs: ['genisoimage'], packages: ['genisoimage'] },
]

/** The packages that are missing here, each named once. */
export function missingPackages(needs: readonly Need[]): string[] {
  const missing = needs.filter((need) => need.programs.some((program) => findProgram(program) === null))
  return [...new Set(missing.flatMap((need) => need.packages))]
}

/** Why packages cannot be installed by this process, or null when they can. */
export function installProblem(osRelease = readOsRelease()): string | null {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? 'this system'
  const family = /^ID(?:_LIKE)?=.*\b(debian|ubuntu)\b/m.test(osRelease)
  if (!family || findProgram('apt-get') === null) return `${name} is neither Debian nor Ubuntu`
  return process.getuid?.() === 0 ? null : 'only root may install packages'
}

function readOsRelease(): string {
  return existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
}

/** The command a person types to install these packages. */
export function aptLine(packages: readonly string[]): string {
  return `apt-get install --no-install-recommends ${packages.join(' ')}`
}

const INSTALL_DEADLINE_MS = 20 * 60_000
/** Another apt, such as the nightly one, may hold the lock. */
const LOCK_TIMEOUT_S = 600
/** What apt says when its lists are missing or name versions that the archive no longer has. */
const OLD_LISTS = /Unable to locate|no installation candidate|Failed to fetch|404/

/**
 * Installs packages of the distribution, without starting any service they bring. The package lists are renewed only
 * when the installation fails with the ones at hand.
 * @param progress told what is being done, and how far it is in percent.
 * @throws {Error} with apt's own last words.
 */
export async function installPackages(
  packages: readonly string[],
  progress: (doing: string, percent: number) => void = () => {},
): Promise<void> {
  const allow = await forbidServices()
  try {
    const install = ['install', '--no-install-recommends', ...packages]
    const problem = await apt(install, progress)
    if (problem === null) return
    if (!OLD_LISTS.test(problem)) throw new Error(problem)
    progress('renewing the package lists', 0)
    const problems = [await apt(['update'], progress), await apt(install, progress)]
    if (problems[1] !== null) throw new Error(problems.filter(Boolean).join('\n'))
  } finally {
    await allow()
  }
}

/**
 * Runs apt-get. It reports on a file descriptor of its own: the one it is told about is closed for the packages'
 * scripts, and some of them fail when they cannot write to standard output.
 * @returns null, or why it failed.
 */
async function apt(args: string[], progress: (doing: string, percent: number) => void): Promise<string | null> {
  const options = [`DPkg::Lock::Timeout=${LOCK_TIMEOUT_S}`, 'APT::Status-Fd=3', 'Dpkg::Use-Pty=0']
  const child = spawn('apt-get', ['-y', '-q', ...options.flatMap((option) => ['-o', option]), ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    timeout: INSTALL_DEADLINE_MS,
    // Ctrl-C does not reach it: packages that are unpacked but not configured would be left behind.
    detached: true,
  })
  const errors: string[] = []
  createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
    // dlstatus:7:42.5:Retrieving file 7 of 37 · pmstatus:qemu-utils:80.1:Unpacking qemu-utils · pmerror:name:80.1:why
    const [, kind, name, percent, words] = /^(dlstatus|pmstatus|pmerror):(.*?):([\d.]+):(.*)$/.exec(line) ?? []
    if (kind === 'pmerror') errors.push(`${name}: ${words}`)
    else if (kind) progress(kind === 'dlstatus' ? 'downloading' : 'unpacking', Number(percent))
  })
  createInterface({ input: child.stderr! }).on('line', (line) => {
    if (/^(E|dpkg|dpkg-\w+):/.test(line)) errors.push(line)
  })
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return exitCode === 0 ? null : [...errors, `apt-get ${args[0]} ended with exit code ${exitCode}`].join('\n')
}

const POLICY = '/usr/sbin/policy-rc.d'

/** Keeps the packages' scripts from starting services, by Debian's own means. @returns what takes it back. */
async function forbidServices(): Promise<() => Promise<void>> {
  if (existsSync(POLICY)) return async () => {}
  await Bun.write(POLICY, '#!/bin/sh\nexit 101\n')
  await chmod(POLICY, 0o755)
  return () => rm(POLICY, { force: true })
}
