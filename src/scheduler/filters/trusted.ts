import { type Filter, has, verb } from './filter.ts'

/**
 * The host is attested as the flavor's extra spec `trust:trusted_host` says: `trusted`, `untrusted`, or, as in Nova,
 * `unknown`. While the attestation service is silent, hosts become unknown as their attestations grow old.
 */
export const trustedFilter: Filter = {
  name: 'TrustedFilter',
  asks: ({ flavor: { extra_specs } }, { attestationFailure }) => {
    const wanted = extra_specs['trust:trusted_host']
    if (wanted === undefined) return []
    return [
      has(`trust=${wanted}`, (r) => {
        const failure = attestationFailure?.() ?? null
        return `${verb(r, 'is', 'are')} not attested as ${wanted}${failure === null ? '' : ` (${failure})`}`
      }),
    ]
  },
}
