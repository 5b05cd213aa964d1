import type { Explanation } from '../contracts/index.ts'
import type { Plan } from './plan.ts'

/** A plan's rejections in words, the ones that took most hosts first, else in the order of the filters. */
export function explain(plan: Plan): Explanation {
  const rejections = plan.rejections.toSorted((left, right) => right.hosts - left.hosts)
  return {
    hosts: plan.hosts,
    rejections: rejections.map(({ filter, condition, hosts, best }, index) => {
      const noun = index > 0 ? '' : plan.hosts === 1 ? ' host' : ' hosts'
      return {
        filter,
        hosts,
        says: `${hosts} of ${plan.hosts}${noun} ${condition.says({ hosts, best })}`,
        ...('quantity' in condition
          ? { shortfall: { quantity: condition.quantity, asked: condition.amount, nearest: best } }
          : {}),
      }
    }),
  }
}

/**
 * The text of the fault when no host is left:
 * `No valid host was found: 3 of 5 hosts lack 8192 MB RAM (best has 3011 MB free), 2 of 5 are disabled.`
 */
export function sentence(explanation: Explanation): string {
  const reasons = explanation.rejections.map(({ says }) => says).join(', ')
  return `No valid host was found: ${explanation.hosts === 0 ? 'there are no compute hosts' : reasons}.`
}
