import { appendFileSync } from 'node:fs'
import { findProgram, HYPERVISOR, missingPackages, type Need } from '../../src/system/index.ts'

/**
 * What some tests need of the machine, beside Bun and the dependencies in package.json.
 * - libvirt: root, libvirt, QEMU and the right to make namespaces (test/lab)
 * - network: root, the right to make namespaces, nftables and dnsmasq (test/lab/network-lab.ts)
 * - qemu-img, redis, openstack, chromium: these programs
 * - clients: the distribution's OpenStack clients, that for placement among them
 * - openssl: a certificate for a service over TLS
 * - config-drive: what makes such drives and looks into them
 */
export type Requirement = keyof typeof REQUIREMENTS

interface Definition {
  readonly needs: readonly Need[]
  /** Why it does not hold though the programs are there, or null. */
  readonly problem?: () => string | null
}

export const REQUIREMENTS = {
  libvirt: {
    needs: HYPERVISOR,
    problem: namespaceProblem,
  },
  network: {
    needs: [
      { programs: ['ip'], packages: ['iproute2'] },
      { programs: ['nft'], packages: ['nftables'] },
      { programs: ['dnsmasq'], packages: ['dnsmasq-base'] },
      { programs: ['ping'], packages: ['iputils-ping'] },
      { programs: ['busybox'], packages: ['busybox-static'] },
      { programs: ['curl'], packages: ['curl'] },
    ],
    problem: namespaceProblem,
  },
  'qemu-img': { needs: [{ programs: ['qemu-img'], packages: ['qemu-utils'] }] },
  'config-drive': {
    needs: [
      { programs: ['genisoimage', 'isoinfo'], packages: ['genisoimage'] },
      { programs: ['mkfs.vfat'], packages: ['dosfstools'] },
      { programs: ['mcopy', 'mlabel'], packages: ['mtools'] },
    ],
  },
  openssl: { needs: [{ programs: ['openssl'], packages: ['openssl'] }] },
  redis: { needs: [{ programs: ['redis-server'], packages: ['redis-server'] }] },
  chromium: { needs: [{ programs: ['chromium'], packages: ['chromium'] }] },
  openstack: { needs: [{ programs: ['openstack'], packages: ['python3-openstackclient'] }] },
  clients: {
    needs: [
      {
        programs: ['openstack', 'nova'],
        packages: ['python3-openstackclient', 'python3-novaclient', 'python3-osc-placement'],
      },
    ],
    problem: placementPluginProblem,
  },
} satisfies Record<string, Definition>

/** Where the test runner reads what was left out, one JSON line for each answer `false` of `has`. */
export const LEFT_OUT_FILE = 'BUNOVA_TEST_LEFT_OUT'

const found = new Map<Requirement, string | null>()

/**
 * True when all of these are at hand. Tests are written as `describe.if(has('libvirt'))(…)`; what is left out that way
 * is named at the end of `bun run test`.
 * @throws {Error} where `CI` is true, for there nothing may be left out.
 */
export function has(...requirements: Requirement[]): boolean {
  const missing = requirements.flatMap((name) => {
    if (!found.has(name)) found.set(name, problemOf(REQUIREMENTS[name]))
    const reason = found.get(name)
    return reason ? [{ requirement: name, reason }] : []
  })
  if (missing.length === 0) return true
  if (process.env.CI === 'true') throw new Error(missing.map((one) => `${one.requirement}: ${one.reason}`).join('; '))
  const file = process.env[LEFT_OUT_FILE]
  if (file) appendFileSync(file, missing.map((one) => `${JSON.stringify(one)}\n`).join(''))
  return false
}

function problemOf(definition: Definition): string | null {
  const packages = missingPackages(definition.needs)
  const problems = [packages.length > 0 ? `not installed: ${packages.join(' ')}` : null, definition.problem?.() ?? null]
  return problems.filter(Boolean).join(', ') || null
}

function placementPluginProblem(): string | null {
  const trial = Bun.spawnSync(['/usr/bin/python3', '-c', 'import osc_placement'])
  return trial.exitCode === 0 ? null : 'not installed: python3-osc-placement'
}

function namespaceProblem(): string | null {
  if (process.getuid?.() !== 0) return 'only root may make pseudo-hosts'
  const trial = Bun.spawnSync(['unshare', '--mount', '--uts', '--pid', '--net', '--fork', findProgram('true')!])
  return trial.exitCode === 0 ? null : `no namespaces may be made here: ${trial.stderr.toString().trim()}`
}
