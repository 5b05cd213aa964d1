import { aggregateValues } from './aggregate-values.ts'
import { type Filter, matches, verb } from './filter.ts'
import { listed, meets, specsOf } from './requirement.ts'

/**
 * The host's aggregates have every key of the flavor's extra specs, with a value that meets it: of those in the scope
 * `aggregate_instance_extra_specs`, and of those in none.
 */
export const aggregateInstanceExtraSpecsFilter: Filter = {
  name: 'AggregateInstanceExtraSpecsFilter',
  asks: ({ flavor: { extra_specs } }) => {
    const specs = specsOf(extra_specs, 'aggregate_instance_extra_specs')
    if (specs.length === 0) return []
    const wanted = listed(specs)
    return [
      matches(
        `AggregateInstanceExtraSpecsFilter ${JSON.stringify(specs)}`,
        ({ row: { aggregates } }) =>
          specs.every(({ name, requirement }) =>
            aggregateValues(aggregates, name).some((value) => meets(value, requirement)),
          ),
        (r) => `${verb(r, 'is', 'are')} in no aggregate that meets the flavor: ${wanted}`,
      ),
    ]
  },
}
