import { type Filter, verb } from './filter.ts'

/** Members of an anti-affinity group do not share a host, or no more of them than its rule allows. */
export const serverGroupAntiAffinityFilter: Filter = {
  name: 'ServerGroupAntiAffinityFilter',
  asks({ group }) {
    if (group?.policy !== 'anti-affinity') return []
    const { max_server_per_host: most, members } = group
    const full = members.filter(({ servers }) => servers >= most).map(({ host }) => host)
    const what = most === 1 ? 'a server' : `${most} servers`
    return full.length === 0
      ? []
      : [{ kind: 'host_not_in', hosts: full, says: (r) => `${verb(r, 'has', 'have')} ${what} of the group already` }]
  },
}

/** Members of an affinity group are on the host of the first one. */
export const serverGroupAffinityFilter: Filter = {
  name: 'ServerGroupAffinityFilter',
  asks({ group }) {
    if (group?.policy !== 'affinity' || group.members.length === 0) return []
    const hosts = group.members.map(({ host }) => host)
    return [{ kind: 'host_in', hosts, says: (r) => `${verb(r, 'has', 'have')} no server of the group` }]
  },
}
