import { type Filter, matches, verb } from './filter.ts'

/** No server of another flavor is on the host. Decisions that no row tells of yet are not looked at. */
export const typeAffinityFilter: Filter = {
  name: 'TypeAffinityFilter',
  asks: ({ flavor: { id } }) => [
    matches(
      `TypeAffinityFilter ${id}`,
      ({ row: { flavors = [] } }) => flavors.every((flavor) => flavor === id),
      (r) => `${verb(r, 'has', 'have')} servers of other flavors`,
    ),
  ],
}
