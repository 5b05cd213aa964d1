import type { HostRow } from '../../contracts/index.ts'
import type { Asked } from '../request-class.ts'
import { type Filter, type FilterOptions, matches, verb } from './filter.ts'

/** Nova's names for what goes by several. */
const ARCHITECTURES = new Map([
  ['amd64', 'x86_64'],
  ['i386', 'i686'],
  ['i486', 'i686'],
  ['i586', 'i686'],
])
const VM_MODES = new Map([
  ['pv', 'xen'],
  ['hv', 'hvm'],
  ['baremetal', 'hvm'],
  ['fullvirt', 'hvm'],
])

/**
 * The host can run what the image asks for: architecture, hypervisor type and vm mode, all three by one of its
 * supported_instances, and a version of the hypervisor (`>=6.0,<7`).
 */
export const imagePropertiesFilter: Filter = {
  name: 'ImagePropertiesFilter',
  asks: (request, options) => {
    const wanted = wantedOf(request, options)
    const { img_hv_requested_version, hypervisor_version_requires } = request.image_properties
    const version = img_hv_requested_version ?? hypervisor_version_requires
    if (wanted.length === 0 && version === undefined) return []
    const asked = [...wanted, ...(version === undefined ? [] : [`hypervisor ${version}`])].join(', ')
    return [
      matches(
        `ImagePropertiesFilter ${JSON.stringify([wanted, version])}`,
        ({ row }) => supports(row, wanted) && (version === undefined || versionFits(row.hypervisor_version, version)),
        (r) => `${verb(r, 'does', 'do')} not support what the image asks for: ${asked}`,
      ),
    ]
  },
}

function wantedOf({ image_properties: image }: Asked, options: FilterOptions): string[] {
  const architecture = image.hw_architecture ?? image.architecture ?? options.image_properties_default_architecture
  const type = image.img_hv_type ?? image.hypervisor_type
  const mode = image.hw_vm_mode ?? image.vm_mode
  return [
    architecture && canonical(architecture, ARCHITECTURES),
    type?.toLowerCase(),
    mode && canonical(mode, VM_MODES),
  ].filter((word) => word !== undefined && word !== '') as string[]
}

function canonical(word: string, names: ReadonlyMap<string, string>): string {
  const lower = word.toLowerCase()
  return names.get(lower) ?? lower
}

const supports = (row: HostRow, wanted: readonly string[]): boolean =>
  wanted.length === 0 || row.supported_instances.some((each) => wanted.every((word) => each.includes(word)))

const PREDICATE = /^(<=|>=|==|!=|<|>)\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?$/

/** Every part of `>=6.0,<7` holds for Nova's integer form of a version; what is none holds for no version. */
function versionFits(version: number, requirement: string): boolean {
  return requirement.split(',').every((part) => {
    const [, operator, major, minor = 0, patch = 0] = PREDICATE.exec(part.trim()) ?? []
    const difference = version - (Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(patch))
    switch (operator) {
      case '<':
        return difference < 0
      case '<=':
        return difference <= 0
      case '>':
        return difference > 0
      case '>=':
        return difference >= 0
      case '==':
        return difference === 0
      case '!=':
        return difference !== 0
      default:
        return false
    }
  })
}
