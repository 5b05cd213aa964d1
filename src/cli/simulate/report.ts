import { table } from '../table.ts'
import type { Fill, Outcome } from './simulation.ts'

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`
const count = (value: number): string => value.toLocaleString('en-US')

/** What came of a replay, for a person. */
export function outcomeReport({ hosts, arrivals, placed, refused, reasons, mean, peak, end, latency_us }: Outcome): string {
  const fill = (name: string, { vcpus, memory, disk }: Fill, servers: string, inUse: string) => [
    name,
    percent(memory),
    percent(vcpus),
    percent(disk),
    servers,
    inUse,
  ]
  const right = (title: string) => ({ title, right: true })
  const parts = [
    `${count(arrivals)} servers asked of ${count(hosts)} hosts: ${count(placed)} placed, ${count(refused)} refused (${percent(arrivals === 0 ? 0 : refused / arrivals)}).`,
    '',
    table(
      [{ title: 'Claimed' }, right('RAM'), right('vCPU'), right('Disk'), right('Servers'), right('Hosts in use')],
      [
        fill('on average', mean, '', ''),
        fill('at the fullest', peak, count(peak.servers), count(peak.hosts_in_use)),
        fill('at the end', end, count(end.servers), count(end.hosts_in_use)),
      ],
    ),
  ]
  if (reasons.length > 0) {
    const rows = reasons.map(({ filter, servers, example }) => [filter, count(servers), example])
    parts.push('', table([{ title: 'Refused by' }, right('Servers'), { title: 'For example' }], rows))
  }
  const { p50, p99, max } = latency_us
  parts.push('', `A decision took ${p50.toFixed(1)} µs in the middle, ${p99.toFixed(1)} µs at p99, ${max.toFixed(0)} µs at most.`)
  return parts.join('\n')
}
