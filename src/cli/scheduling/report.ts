import { type Column, table } from '../table.ts'

/** What the API answers of one decision; hosts by name for admins only. */
export interface Explained {
  readonly hosts: number
  readonly rejections: readonly { readonly filter: string; readonly hosts: number; readonly reason: string }[]
}

export interface Placement {
  readonly cell: string
  readonly host: string
  readonly node: string
  readonly weight: number
  readonly weights: Readonly<Record<string, number>>
}

export interface Scheduling extends Partial<Explained> {
  readonly server_id: string
  readonly state: 'pending' | 'placed' | 'moved' | 'failed' | 'unknown'
  readonly decided_at?: string
  readonly attempts?: readonly { readonly host?: string; readonly node?: string; readonly reason: string }[]
  readonly chosen?: Placement | null
  /** For tenants their number alone. */
  readonly alternates?: readonly Placement[] | number
}

export interface WhatIfAnswer {
  readonly servers: number
  readonly hosts: number
  readonly placed: number
  readonly more: number
  readonly more_is_at_least: boolean
  readonly first: Explained
  readonly blocked_by: Explained | null
  readonly placements?: readonly Placement[]
}

const STATES = {
  pending: 'is waiting for a decision of the scheduler',
  placed: 'was placed',
  moved: 'has moved since; this is how it was first placed',
  failed: 'found no host',
  unknown: 'was placed before decisions were written down',
} as const

/** Everything that is known of why a server is where it is. */
export function schedulingReport(name: string, scheduling: Scheduling): string {
  const { state, chosen, alternates, attempts = [] } = scheduling
  const where = chosen ? `${state === 'moved' ? ',' : ''} on ${placeName(chosen)}` : ''
  const parts = [`${name} (${scheduling.server_id}) ${STATES[state]}${where}.`]
  if (scheduling.decided_at) parts.push(`Decided ${scheduling.decided_at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}.`)
  if (scheduling.rejections && scheduling.hosts !== undefined) {
    parts.push('', rejectionTable({ hosts: scheduling.hosts, rejections: scheduling.rejections }))
  }
  if (chosen) parts.push('', weightTable([chosen, ...(Array.isArray(alternates) ? alternates : [])]))
  else if (typeof alternates === 'number') parts.push('', `${counted(alternates, 'alternate')} stood by.`)
  if (attempts.length > 0) {
    const rows = attempts.map(({ host, reason }, index) => [`${index + 1}`, host ?? '(a host)', reason])
    parts.push('', table([{ title: 'Tried before', right: true }, { title: 'Host' }, { title: 'What happened' }], rows))
  }
  return parts.join('\n')
}

export function whatIfReport(answer: WhatIfAnswer): string {
  const { servers, placed, more, more_is_at_least: atLeast, hosts } = answer
  const all = placed === servers
  const some = all ? counted(servers, 'server') : `${placed} of ${counted(servers, 'server')}`
  const fit = placed === 1 && all ? 'fits' : 'fit'
  const parts = [
    placed === 0
      ? `No host for ${servers === 1 ? 'this server' : 'these servers'} among ${counted(hosts, 'host')}.`
      : `${some} ${fit} on ${counted(hosts, 'host')}` +
        (all ? `, and ${atLeast ? 'at least ' : ''}${more} more of the same.` : '.'),
  ]
  if (answer.placements && placed > 0) parts.push('', placementTable(answer.placements))
  if (answer.first.rejections.length > 0 && placed > 0) {
    parts.push('', 'What the first one met:', '', rejectionTable(answer.first))
  }
  if (answer.blocked_by) {
    const which = placed === 0 ? 'What stands in the way:' : 'What stops the next one:'
    parts.push('', which, '', rejectionTable(answer.blocked_by))
  }
  return parts.join('\n')
}

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const FILTER_COLUMNS: readonly Column[] = [{ title: 'Filter' }, { title: 'Hosts', right: true }, { title: 'Why' }]

function rejectionTable({ hosts, rejections }: Explained): string {
  const removed = rejections.reduce((sum, rejection) => sum + rejection.hosts, 0)
  const rows = rejections.map(({ filter, hosts: count, reason }) => [filter, `-${count}`, reason])
  return table(FILTER_COLUMNS, [['', `${hosts}`, 'hosts there are'], ...rows, ['', `${hosts - removed}`, 'left']])
}

function weightTable(placements: readonly Placement[]): string {
  const weighers = [...new Set(placements.flatMap(({ weights }) => Object.keys(weights)))]
  const columns: Column[] = [
    { title: '' },
    { title: 'Host' },
    { title: 'Cell' },
    { title: 'Weight', right: true },
    ...weighers.map((title) => ({ title: title.replace(/Weigher$/, ''), right: true })),
  ]
  const rows = placements.map((placement, index) => [
    index === 0 ? '→' : '',
    placeName(placement),
    placement.cell,
    figure(placement.weight),
    ...weighers.map((name) => figure(placement.weights[name] ?? 0)),
  ])
  return table(columns, rows)
}

/** The hosts in the order in which they were chosen first, each with how many servers it would get. */
function placementTable(placements: readonly Placement[]): string {
  const byPlace = Map.groupBy(placements, placeName)
  const rows = [...byPlace].map(([name, on]) => [name, on[0]!.cell, `${on.length}`, figure(on[0]!.weight)])
  return table([{ title: 'Host' }, { title: 'Cell' }, { title: 'Servers', right: true }, { title: 'Weight', right: true }], rows)
}

const placeName = ({ host, node }: Placement): string => (node === host || node === '' ? host : `${host} (${node})`)

const figure = (value: number): string => value.toFixed(3)
