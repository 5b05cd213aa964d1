import { readdir, readlink } from 'node:fs/promises'
import { scopeOf } from '../../agent/network/names.ts'
import { run } from '../../src/system/index.ts'

/** Removes what a compute host has made of its network and kept for guests that ended with their lab. */
export async function removeHostNetwork(host: string, statePath: string): Promise<void> {
  const prefix = `bunova-${scopeOf(host, statePath)}-`
  const names = (await readdir('/run/netns').catch(() => [])).filter((name) => name.startsWith(prefix))
  for (const name of names) {
    const { stdout } = await run(['ip', 'netns', 'pids', name])
    for (const pid of stdout.split('\n').filter(Boolean)) {
      const program = await readlink(`/proc/${pid}/exe`).catch(() => '')
      if (program.endsWith('/dnsmasq')) process.kill(Number(pid))
    }
    await run(['ip', 'netns', 'delete', name])
  }
}
