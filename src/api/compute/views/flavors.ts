import type { FlavorRow } from '../../../compute/index.ts'
import { defineView } from '../view.ts'

export type FlavorSource = FlavorRow

const linkPath = (flavor: FlavorRow): string => `/flavors/${encodeURIComponent(flavor.flavor_id)}`

export const flavorBrief = defineView<FlavorSource>('flavor.brief', (flavor, { links }) => ({
  id: flavor.flavor_id,
  name: flavor.name,
  description: flavor.description,
  links: links.both(linkPath(flavor)),
}))

export const flavorView = defineView<FlavorSource>('flavor', (flavor, { links, can }) => ({
  id: flavor.flavor_id,
  name: flavor.name,
  ram: flavor.memory_mb,
  disk: flavor.root_gb,
  vcpus: flavor.vcpus,
  swap: flavor.swap_mb,
  'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral_gb,
  'os-flavor-access:is_public': flavor.is_public,
  description: flavor.description,
  extra_specs: can('os_compute_api:os-flavor-extra-specs:index') ? flavor.extra_specs : undefined,
  links: links.both(linkPath(flavor)),
}))
