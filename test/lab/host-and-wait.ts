import { startLibvirtHost } from './index.ts'

// Started by libvirt-host.test.ts, which kills it.
const host = await startLibvirtHost()
console.log(host.instancesDir)
await new Promise(() => {})
