import { join } from 'node:path'
import { renderSampleConfig } from '../platform/config/index.ts'
import { renderPolicySample } from '../platform/policy/index.ts'
import { policyDefaults } from '../policies.ts'

const ETC = join(import.meta.dir, '../../etc/nova')

/** The files of etc/nova that are made from what the program declares. */
export const samples: readonly { readonly path: string; readonly text: string }[] = [
  { path: join(ETC, 'nova.conf'), text: renderSampleConfig() },
  { path: join(ETC, 'policy.yaml'), text: renderPolicySample(policyDefaults) },
]

if (import.meta.main) await Promise.all(samples.map(({ path, text }) => Bun.write(path, text)))
