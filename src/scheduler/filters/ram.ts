import { demand } from '../../contracts/index.ts'
import { atLeast, type Filter, verb } from './filter.ts'

/** The flavor's memory is still to be claimed: memory less the reserve, times `ram_allocation_ratio`, less what is. */
export const ramFilter: Filter = {
  name: 'RamFilter',
  asks: ({ flavor }) => {
    const { memory_mb } = demand(flavor)
    return [
      atLeast(
        'claimable_memory_mb',
        memory_mb,
        (r) => `${verb(r, 'lacks', 'lack')} ${memory_mb} MB RAM (best has ${r.best} MB free)`,
      ),
    ]
  },
}
