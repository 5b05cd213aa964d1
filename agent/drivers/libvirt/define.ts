import type { Instance } from '../../../src/contracts/index.ts'
import type { Domain } from '../../libvirt/index.ts'
import { keepInstance } from '../../metadata/kept-instance.ts'
import type { DomainNic } from './domain-devices.ts'
import { domainXml, type DomainParts } from './domain-xml.ts'
import { domainParts } from './guest-disks.ts'
import type { GuestFiles } from './guest-files.ts'
import type { Hypervisor } from './hypervisor.ts'

const DEFINE_DEADLINE_MS = 60_000

/** Defines the guest of an instance from its files, in the place of any definition from before. */
export async function defineGuest(host: Hypervisor, instance: Instance, files: GuestFiles): Promise<Domain> {
  await keepInstance(files.directory, instance)
  return defineParts(host, instance, files, await domainParts(host, instance, files))
}

export async function defineParts(
  host: Hypervisor,
  instance: Instance,
  files: GuestFiles,
  parts: Omit<DomainParts, 'nics'>,
): Promise<Domain> {
  const xml = domainXml(instance, host.host, { ...parts, nics: await plugAll(host, instance) })
  await files.keepXml(xml)
  return defineXml(host, xml)
}

export async function defineXml({ slow }: Pick<Hypervisor, 'slow'>, xml: string): Promise<Domain> {
  return (await slow.call('domainDefineXmlFlags', { xml, flags: 0 }, { deadline_ms: DEFINE_DEADLINE_MS })).dom
}

async function plugAll({ nics }: Hypervisor, { server_id, vifs }: Instance): Promise<DomainNic[]> {
  if (!nics) return []
  return Promise.all(vifs.map(async (vif) => ({ vif, ...(await nics.plug(server_id, vif)) })))
}
