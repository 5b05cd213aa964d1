import type { ProxiedImage } from '../../../compute/index.ts'
import type { Links } from '../links.ts'
import { zuluTime } from '../times.ts'
import { defineView } from '../view.ts'

/** Nova's word for a status, and how far that is on the way. */
const STATUSES: Record<string, readonly [status: string, progress: number]> = {
  queued: ['SAVING', 25],
  saving: ['SAVING', 50],
  active: ['ACTIVE', 100],
  killed: ['ERROR', 0],
}

const linksOf = ({ id }: ProxiedImage, links: Links) => [
  ...links.both(`/images/${id}`),
  { rel: 'alternate', type: 'application/vnd.openstack.image', href: links.image(id) },
]

export const imageProxiedBrief = defineView<ProxiedImage>('image.brief', (image, { links }) => ({
  id: image.id,
  name: image.name,
  links: linksOf(image, links),
}))

export const imageProxied = defineView<ProxiedImage>('image', (image, { links }) => {
  const { auto_disk_config, instance_uuid } = image.properties
  const [status, progress] = STATUSES[image.status] ?? ['UNKNOWN', 0]
  return {
    id: image.id,
    name: image.name,
    status,
    progress,
    minDisk: image.min_disk_gb,
    minRam: image.min_ram_mb,
    metadata: image.properties,
    created: zuluTime(image.created_at),
    updated: zuluTime(image.updated_at),
    links: linksOf(image, links),
    'OS-EXT-IMG-SIZE:size': image.size_bytes,
    'OS-DCF:diskConfig':
      auto_disk_config === undefined ? undefined : /^(1|t|true|on|y|yes)$/i.test(auto_disk_config) ? 'AUTO' : 'MANUAL',
    server: instance_uuid === undefined ? undefined : { id: instance_uuid, links: links.both(`/servers/${instance_uuid}`) },
  }
})
