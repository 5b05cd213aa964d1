import { demand } from '../../contracts/index.ts'
import { atLeast, type Filter, verb } from './filter.ts'

/** Root, ephemeral and swap disk of the flavor are still to be claimed. */
export const diskFilter: Filter = {
  name: 'DiskFilter',
  asks: ({ flavor }) => {
    const { disk_gb } = demand(flavor)
    return [
      atLeast(
        'claimable_disk_gb',
        disk_gb,
        (r) => `${verb(r, 'lacks', 'lack')} ${disk_gb} GB disk (best has ${r.best} GB free)`,
      ),
    ]
  },
}
