import type { FilterOptions } from './filter.ts'
import { aggregateValues } from './aggregate-values.ts'
import { type Filter, matches, verb } from './filter.ts'

/** A host in an aggregate with `instance_type` takes servers of these flavors only. */
export const aggregateTypeAffinityFilter: Filter = {
  name: 'AggregateTypeAffinityFilter',
  asks: ({ flavor: { name } }) => [
    matches(
      `AggregateTypeAffinityFilter ${name}`,
      ({ row: { aggregates } }) => allows(aggregateValues(aggregates, 'instance_type'), name),
      (r) => `${verb(r, 'is', 'are')} kept for other flavors`,
    ),
  ],
}

const TENANT = 'filter_tenant_id'

/** A host in an aggregate with `filter_tenant_id`, or keys that begin so, takes servers of these projects only. */
export const aggregateMultiTenancyIsolation: Filter = {
  name: 'AggregateMultiTenancyIsolation',
  asks: ({ project_id }) => [
    matches(
      `AggregateMultiTenancyIsolation ${project_id}`,
      ({ row: { aggregates } }) => {
        const keys = aggregates.flatMap((metadata) => Object.keys(metadata).filter((key) => key.startsWith(TENANT)))
        return allows([...new Set(keys)].flatMap((key) => aggregateValues(aggregates, key)), project_id)
      },
      (r) => `${verb(r, 'is', 'are')} kept for other projects`,
    ),
  ],
}

/** Where an aggregate of the host has a key that is also a property of the image, their values agree. */
export const aggregateImagePropertiesIsolation: Filter = {
  name: 'AggregateImagePropertiesIsolation',
  asks: ({ image_properties }, options) => {
    const properties = Object.entries(image_properties).filter(([key]) => key.startsWith(prefixOf(options)))
    if (properties.length === 0) return []
    return [
      matches(
        `AggregateImagePropertiesIsolation ${JSON.stringify(properties.toSorted())}`,
        ({ row: { aggregates } }) =>
          properties.every(([key, value]) => allows(aggregateValues(aggregates, key), value)),
        (r) => `${verb(r, 'is', 'are')} kept for images with other properties`,
      ),
    ]
  },
}

function prefixOf(options: FilterOptions): string {
  const { aggregate_image_properties_isolation_namespace: namespace } = options
  return namespace ? namespace + options.aggregate_image_properties_isolation_separator : ''
}

const allows = (values: readonly string[], wanted: string): boolean => values.length === 0 || values.includes(wanted)
