import { INVENTORY_TRAITS } from '../../cells/index.ts'
import type { ProviderRow } from './placement.store.ts'

/** No new servers go to such a node. */
const DISABLED = 'COMPUTE_STATUS_DISABLED'

/** Every trait that is known whether or not a node has it. */
export const TRAITS: readonly string[] = [DISABLED, ...INVENTORY_TRAITS].toSorted()

/** The form of a trait of a site's own; which there are is what nodes report. */
export const isCustomTrait = (name: string): boolean => /^CUSTOM_[A-Z0-9_]{1,248}$/.test(name)

/** What a node reports of itself, and what the operator says of its service. */
export const traitsOf = ({ disabled, traits }: ProviderRow): string[] =>
  [...(disabled ? [DISABLED] : []), ...traits].toSorted()
