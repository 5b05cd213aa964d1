import { demand } from '../../contracts/index.ts'
import { atLeast, type Filter, verb } from './filter.ts'

/** The flavor's vCPUs are still to be claimed: `vcpus x cpu_allocation_ratio` less what is. */
export const coreFilter: Filter = {
  name: 'CoreFilter',
  asks: ({ flavor }) => {
    const { vcpus } = demand(flavor)
    return [
      atLeast(
        'claimable_vcpus',
        vcpus,
        (r) => `${verb(r, 'lacks', 'lack')} ${vcpus} ${vcpus === 1 ? 'vCPU' : 'vCPUs'} (best has ${r.best} free)`,
      ),
    ]
  },
}
