import { type Condition, type Filter, verb } from './filter.ts'

/**
 * Servers of `isolated_images` go to `isolated_hosts`, and other servers do not, unless
 * `restrict_isolated_hosts_to_isolated_images` is off.
 */
export const isolatedHostsFilter: Filter = {
  name: 'IsolatedHostsFilter',
  asks: ({ image_id }, options): readonly Condition[] => {
    const { isolated_images: images, isolated_hosts: hosts } = options
    if (image_id != null && images.includes(image_id)) {
      return [{ kind: 'host_in', hosts, says: (r) => `${verb(r, 'is', 'are')} not for this isolated image` }]
    }
    if (!options.restrict_isolated_hosts_to_isolated_images || hosts.length === 0) return []
    return [{ kind: 'host_not_in', hosts, says: (r) => `${verb(r, 'is', 'are')} kept for isolated images` }]
  },
}
