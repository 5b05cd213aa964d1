import type { PlanRequest } from '../../contracts/index.ts'
import type { Fact, Quantity } from '../host.ts'

/** Hosts that one condition rejected first: they passed every condition before it. */
export interface Rejected {
  readonly hosts: number
  /** The most that any of them has of the quantity asked for, at least 0; 0 for a condition without one. */
  readonly best: number
}

/** Finishes the sentence `3 of 5 hosts …`, for a tenant to read: numbers, but no names of hosts. */
export type Says = (rejected: Rejected) => string

/** What is asked of each host. The core knows these forms only; a filter is a list of them. */
export type Condition =
  | { readonly kind: 'has'; readonly fact: Fact; readonly says: Says }
  | { readonly kind: 'at_least'; readonly quantity: Quantity; readonly amount: number; readonly says: Says }
  /** The host is, or is not, one of these; names that are no host's are passed over. */
  | { readonly kind: 'host_in' | 'host_not_in'; readonly hosts: readonly string[]; readonly says: Says }
  | { readonly kind: 'node_in'; readonly nodes: readonly string[]; readonly says: Says }

export interface Filter {
  /** Nova's class name, as it stands in `enabled_filters`. */
  readonly name: string
  /** What this request asks of a host, in order; nothing where the filter has no say in it. */
  readonly asks: (request: PlanRequest) => readonly Condition[]
}

export const has = (fact: Fact, says: Says): Condition => ({ kind: 'has', fact, says })

export const atLeast = (quantity: Quantity, amount: number, says: Says): Condition => ({
  kind: 'at_least',
  quantity,
  amount,
  says,
})

/** `lacks` for one host, `lack` for several. */
export const verb = (rejected: Rejected, one: string, many: string): string => (rejected.hosts === 1 ? one : many)
