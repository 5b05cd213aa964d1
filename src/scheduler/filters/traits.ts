import { type Condition, type Filter, matches, verb } from './filter.ts'

/**
 * The host has every trait that the flavor or the image requires, and none that they forbid: `trait:NAME` with
 * `required` or `forbidden`. As in Nova no operator has to enable it.
 */
export const traitsFilter: Filter = {
  name: 'traits',
  asks: ({ flavor: { extra_specs }, image_properties }): readonly Condition[] => {
    const [required, forbidden] = (['required', 'forbidden'] as const).map((what) => [
      ...new Set([...traitsOf(extra_specs, what), ...traitsOf(image_properties, what)]),
    ]) as [string[], string[]]
    const conditions: Condition[] = []
    if (required.length > 0) {
      conditions.push(
        matches(
          `traits required ${required.toSorted().join(' ')}`,
          ({ row: { traits = [] } }) => required.every((trait) => traits.includes(trait)),
          (r) => `${verb(r, 'lacks', 'lack')} a required trait: ${required.join(', ')}`,
        ),
      )
    }
    if (forbidden.length > 0) {
      conditions.push(
        matches(
          `traits forbidden ${forbidden.toSorted().join(' ')}`,
          ({ row: { traits = [] } }) => !forbidden.some((trait) => traits.includes(trait)),
          (r) => `${verb(r, 'has', 'have')} a forbidden trait: ${forbidden.join(', ')}`,
        ),
      )
    }
    return conditions
  },
}

const PREFIX = 'trait:'

const traitsOf = (from: Readonly<Record<string, string>>, what: 'required' | 'forbidden'): string[] =>
  Object.entries(from).flatMap(([key, value]) =>
    key.startsWith(PREFIX) && value === what ? [key.slice(PREFIX.length)] : [],
  )
