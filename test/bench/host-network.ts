import { parseArgs } from 'node:util'
import { layoutOf } from '../../agent/network/layout.ts'
import { tableName } from '../../agent/network/names.ts'
import { ruleset } from '../../agent/network/ruleset.ts'
import type { HostNetworks, HostRule } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'
import { labNetwork, labPort, labState, startNetworkHost } from '../lab/index.ts'

const USAGE = `Measures how long a host takes to apply a change of its security groups, in a network namespace of its own.

  bun run bench:host-network [--ports 20] [--groups 10] [--rules 1000] [--rounds 20]`

const { values } = parseArgs({
  options: {
    ports: { type: 'string', default: '20' },
    groups: { type: 'string', default: '10' },
    rules: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '20' },
    help: { type: 'boolean' },
  },
})
if (values.help) console.log(USAGE)
else await main(Number(values.ports), Number(values.groups), Number(values.rules), Number(values.rounds))

async function main(ports: number, groups: number, rules: number, rounds: number): Promise<void> {
  const host = await startNetworkHost()
  try {
    const state = changing(ports, groups, rules)
    await host.network.take(state())
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const next = state()
      const began = performance.now()
      await host.network.take(next)
      times.push(performance.now() - began)
    }
    const text = ruleset(state(), layoutOf(state(), { scope: '00000000', public_interface: null }), {
      table: tableName('00000000'),
      public_interface: null,
    })
    report(`${rules} rules in ${groups} groups, ${ports} ports, ${Math.round(text.length / 1024)} KiB of nft`, times)
  } finally {
    await host.stop()
  }
}

/** Each call gives a state that differs from the one before in one rule. */
function changing(ports: number, groups: number, rules: number): () => HostNetworks {
  const net = labNetwork()
  const ids = Array.from({ length: groups }, () => newId())
  const members = Array.from({ length: ports }, (_, index) =>
    labPort(net, [`10.0.0.${index + 10}`], { security_groups: [ids[index % groups]!, ids[(index + 1) % groups]!] }),
  )
  let turn = 0
  return () => {
    turn++
    return labState({
      networks: [net],
      ports: members,
      security_groups: ids.map((id, group) => ({
        id,
        rules: Array.from({ length: rules / groups }, (_, index) => rule(group, index === 0 ? 20_000 + turn : index)),
      })),
    })
  }
}

function rule(group: number, index: number): HostRule {
  return {
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 6,
    port_range_min: 1000 + index,
    port_range_max: 1000 + index,
    remote_ip_prefix: `192.168.${group % 256}.${index % 256}/32`,
    remote_group_id: null,
  }
}

function report(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): string => `${sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(0)} ms`
  console.log(`${what}: a change is applied in ${at(0.5)} (median), ${at(0.95)} (p95), ${at(1)} (worst of ${times.length})`)
}
