import type { Fact, Host, Quantity } from '../host.ts'
import type { MetricWeight } from '../metric-weights.ts'
import type { Asked } from '../request-class.ts'

/** Hosts that one condition rejected first: they passed every condition before it. */
export interface Rejected {
  readonly hosts: number
  /**
   * The one that came nearest to passing: the most (at least 0) that any of them has of the quantity asked for, or the
   * least where there is a limit; 0 for a condition without a quantity.
   */
  readonly best: number
}

/** Finishes the sentence `3 of 5 hosts …`, for a tenant to read: numbers, but no names of hosts. */
export type Says = (rejected: Rejected) => string

/** What is asked of each host. The core knows these forms only; a filter is a list of them. */
export type Condition =
  | { readonly kind: 'has'; readonly fact: Fact; readonly says: Says }
  | {
      readonly kind: 'at_least' | 'at_most'
      readonly quantity: Quantity
      readonly amount: number
      readonly says: Says
    }
  | (Predicate & { readonly kind: 'matches'; readonly says: Says })
  /** The host is, or is not, one of these; names that are no host's are passed over. */
  | { readonly kind: 'host_in' | 'host_not_in'; readonly hosts: readonly string[]; readonly says: Says }
  | { readonly kind: 'node_in'; readonly nodes: readonly string[]; readonly says: Says }
  | { readonly kind: 'place_not_in'; readonly places: readonly Place[]; readonly says: Says }

/** What no fact or quantity says: asked of each host once, and again only after the host has changed. */
export interface Predicate {
  /** Equal for predicates that hold for the same hosts; begins with the filter's name. */
  readonly key: string
  /** Depends on nothing but the host's row, what is taken of it, and what the key says. */
  readonly test: (host: Host) => boolean
}

/** A node of a host. */
export interface Place {
  readonly host: string
  readonly node: string
}

export interface Filter {
  /** Nova's class name, as it stands in `enabled_filters`. */
  readonly name: string
  /** What this request asks of a host, in order; nothing where the filter has no say in it. */
  readonly asks: (request: Asked, options: FilterOptions) => readonly Condition[]
}

/** The options of `[filter_scheduler]` that filters read. */
export interface FilterOptions {
  readonly max_io_ops_per_host: number
  readonly max_instances_per_host: number
  readonly isolated_images: readonly string[]
  readonly isolated_hosts: readonly string[]
  readonly restrict_isolated_hosts_to_isolated_images: boolean
  readonly image_properties_default_architecture: string | undefined
  readonly aggregate_image_properties_isolation_namespace: string | undefined
  readonly aggregate_image_properties_isolation_separator: string
  /** `[metrics] weight_setting` */
  readonly metrics: readonly MetricWeight[]
  /** Why the attestation service tells nothing at the moment; null where it does. */
  readonly attestationFailure?: () => string | null
}

export const has = (fact: Fact, says: Says): Condition => ({ kind: 'has', fact, says })

export const atLeast = (quantity: Quantity, amount: number, says: Says): Condition => ({
  kind: 'at_least',
  quantity,
  amount,
  says,
})

export const atMost = (quantity: Quantity, amount: number, says: Says): Condition => ({
  kind: 'at_most',
  quantity,
  amount,
  says,
})

export const matches = (key: string, test: Predicate['test'], says: Says): Condition => ({
  kind: 'matches',
  key,
  test,
  says,
})

/** `lacks` for one host, `lack` for several. */
export const verb = (rejected: Rejected, one: string, many: string): string => (rejected.hosts === 1 ? one : many)
