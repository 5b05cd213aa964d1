import type { PlanGroup } from '../../contracts/index.ts'
import type { Measure, Weigher } from './weigher.ts'

/** Hosts with members of the server's soft-affinity group, the more the better. */
export const serverGroupSoftAffinityWeigher = {
  name: 'ServerGroupSoftAffinityWeigher',
  weighs: ({ group }) => (group?.policy === 'soft-affinity' ? members(group, 1) : null),
  floor: null,
  option: 'soft_affinity_weight_multiplier',
} as const satisfies Weigher

/** Hosts with few members of the server's soft-anti-affinity group. */
export const serverGroupSoftAntiAffinityWeigher = {
  name: 'ServerGroupSoftAntiAffinityWeigher',
  weighs: ({ group }) => (group?.policy === 'soft-anti-affinity' ? members(group, -1) : null),
  floor: null,
  option: 'soft_anti_affinity_weight_multiplier',
} as const satisfies Weigher

const members = (group: PlanGroup, sign: number): Measure => ({
  kind: 'hosts',
  values: Object.fromEntries(group.members.map(({ host, servers }) => [host, sign * servers])),
})
