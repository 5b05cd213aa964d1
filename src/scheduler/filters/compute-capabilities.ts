import { attributeAt, isAttribute } from '../host-state.ts'
import { type Filter, matches, verb } from './filter.ts'
import { listed, meets, specsOf } from './requirement.ts'

/**
 * The host is what the flavor's extra specs want: those of the scope `capabilities`, as `capabilities:cpu_info:arch`,
 * and those without a scope that name an attribute of hosts.
 */
export const computeCapabilitiesFilter: Filter = {
  name: 'ComputeCapabilitiesFilter',
  asks: ({ flavor: { extra_specs } }) => {
    const specs = specsOf(extra_specs, 'capabilities').filter(({ name, scoped }) => scoped || isAttribute(name))
    if (specs.length === 0) return []
    const wanted = listed(specs)
    const parsed = specs.map(({ name, requirement }) => ({ path: name.split(':'), requirement }))
    return [
      matches(
        `ComputeCapabilitiesFilter ${JSON.stringify(specs)}`,
        (host) =>
          parsed.every(({ path, requirement }) => {
            const value = attributeAt(host, path)
            return value !== undefined && meets(asText(value), requirement)
          }),
        (r) => `${verb(r, 'does', 'do')} not have the capabilities of the flavor: ${wanted}`,
      ),
    ]
  },
}

const asText = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))
