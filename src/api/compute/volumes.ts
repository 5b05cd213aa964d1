import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { badRequest, notFound, type Problem } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { Bool, CountText, Many, Tag, Text, Uuid } from './fields.ts'
import { type Asked, bodyShape, queryShape, resource, route } from './route.ts'
import { DevicePath } from './server-fields.ts'
import { serverSubject } from './servers.ts'

/**
 * Volumes of this cloud, of which there are none: it has no volume service. So every list is empty and no volume is
 * found, which is what Nova answers with a volume service that has no volumes, and nothing is made that nobody keeps.
 */

const Attach = bodyShape(
  'volume_attachment.create',
  {
    volumeId: Uuid,
    device: T.Optional(DevicePath),
    tag: T.Optional(Tag),
    delete_on_termination: T.Optional(Bool),
  },
  (volumeAttachment) => closed({ volumeAttachment }),
)
const ChangeAttachment = bodyShape(
  'volume_attachment.update',
  {
    volumeId: Uuid,
    device: T.Optional(DevicePath),
    tag: T.Optional(Tag),
    delete_on_termination: T.Optional(Bool),
    serverId: T.Optional(Uuid),
    id: T.Optional(Uuid),
  },
  (volumeAttachment) => closed({ volumeAttachment }),
)

const pages = { limit: Many(CountText), offset: Many(CountText) }
const AttachmentsQuery = queryShape('volume_attachments', pages)
const ProxyQuery = queryShape('volume_proxies', pages)

const NewVolume = bodyShape(
  'volume.create',
  {
    size: T.Union([T.Integer({ minimum: 1 }), T.String({ pattern: '^[0-9]+$', minLength: 1, maxLength: 10 })]),
    volume_type: T.Optional(Text),
    metadata: T.Optional(T.Record(Text, T.Unknown())),
    snapshot_id: T.Optional(Text),
    availability_zone: T.Optional(Text),
    display_name: T.Optional(Text),
    display_description: T.Optional(T.String({ maxLength: 65_535 })),
  },
  (volume) => closed({ volume }),
)
const NewSnapshot = bodyShape(
  'snapshot.create',
  {
    volume_id: Text,
    force: T.Optional(Bool),
    display_name: T.Optional(Text),
    display_description: T.Optional(T.String({ maxLength: 65_535 })),
  },
  (snapshot) => closed({ snapshot }),
)

const Required = T.String({ minLength: 1, maxLength: 255 })
const AssistedSnapshot = bodyShape(
  'assisted_snapshot.create',
  {
    volume_id: Required,
    create_info: closed({
      snapshot_id: Required,
      type: T.Literal('qcow2'),
      new_file: Required,
      id: T.Optional(Required),
    }),
  },
  (snapshot) => closed({ snapshot }),
)
const AssistedSnapshotQuery = queryShape('assisted_snapshot', { delete_info: Many(T.String({ maxLength: 4096 })) })

const noService = (): Problem => badRequest('This cloud has no volume service.')
const noVolume = (id: string): Problem => notFound(`Volume ${id.slice(0, 64)} could not be found.`)
const noSnapshot = (id: string): Problem => notFound(`Snapshot ${id.slice(0, 64)} could not be found.`)

/** Volumes of servers. */
export function volumeAttachments(compute: Compute) {
  const subject = serverSubject(compute)
  const PATH = '/servers/:server_id/os-volume_attachments'
  const notAttached = ({ params }: Asked): never => {
    throw notFound(`volume_id not found: ${params.volume_id!.slice(0, 64)}`)
  }

  return resource('os-volume_attachments', [
    route('GET', PATH, {
      policy: 'os_compute_api:os-volumes-attachments:index',
      subject,
      query: AttachmentsQuery,
      ok: 200,
      handle: () => ({ volumeAttachments: [] }),
    }),
    route('POST', PATH, {
      policy: 'os_compute_api:os-volumes-attachments:create',
      subject,
      body: Attach,
      ok: { '2.1': 200, '2.101': 202 },
      handle({ body }): never {
        throw noVolume(body.volumeAttachment.volumeId)
      },
    }),
    route('GET', `${PATH}/:volume_id`, {
      policy: 'os_compute_api:os-volumes-attachments:show',
      subject,
      ok: 200,
      handle: notAttached,
    }),
    route('PUT', `${PATH}/:volume_id`, {
      policy: null,
      subject,
      body: ChangeAttachment,
      ok: 202,
      handle(req): never {
        const swaps = req.body.volumeAttachment.volumeId !== req.params.volume_id
        req.must(`os_compute_api:os-volumes-attachments:${swaps ? 'swap' : 'update'}`)
        return notAttached(req)
      },
    }),
    route('DELETE', `${PATH}/:volume_id`, {
      policy: 'os_compute_api:os-volumes-attachments:delete',
      subject,
      ok: 202,
      handle: notAttached,
    }),

    route('POST', '/os-assisted-volume-snapshots', {
      policy: 'os_compute_api:os-assisted-volume-snapshots:create',
      body: AssistedSnapshot,
      ok: 200,
      handle({ body }): never {
        throw badRequest(`Volume ${body.snapshot.volume_id} could not be found.`)
      },
    }),
    route('DELETE', '/os-assisted-volume-snapshots/:id', {
      policy: 'os_compute_api:os-assisted-volume-snapshots:delete',
      query: AssistedSnapshotQuery,
      ok: 204,
      handle({ query }): never {
        throw badRequest(`Volume ${volumeOf(query.delete_info?.at(-1))} could not be found.`)
      },
    }),
  ])
}

/** The volume that a text of JSON names. @throws {Problem} bad_request where it names none */
function volumeOf(text: string | undefined): string {
  try {
    const { volume_id } = JSON.parse(text ?? '') as { volume_id?: unknown }
    if (typeof volume_id === 'string') return volume_id.slice(0, 64)
  } catch (cause) {
    throw badRequest('delete_info must be JSON.', cause)
  }
  throw badRequest('delete_info must name a volume_id.')
}

/** Volumes and snapshots as Nova handed them on until 2.35. */
export const volumeProxies = resource('os-volumes', [
  ...proxyOf('/os-volumes', 'volumes', 'os-volumes', NewVolume, noVolume),
  ...proxyOf('/os-snapshots', 'snapshots', 'os-volumes:snapshots', NewSnapshot, noSnapshot),
])

function proxyOf(
  path: string,
  many: string,
  rule: string,
  body: typeof NewVolume | typeof NewSnapshot,
  missing: (id: string) => Problem,
) {
  const until = '2.35'
  const list = (at: string, verb: string) =>
    route('GET', at, {
      until,
      policy: `os_compute_api:${rule}:${verb}`,
      query: ProxyQuery,
      ok: 200,
      handle: () => ({ [many]: [] }),
    })
  const one = (method: 'GET' | 'DELETE', verb: string, ok: number) =>
    route(method, `${path}/:id`, {
      until,
      policy: `os_compute_api:${rule}:${verb}`,
      ok,
      handle({ params }): never {
        throw missing(params.id!)
      },
    })
  return [
    list(path, 'list'),
    list(`${path}/detail`, 'detail'),
    route('POST', path, {
      until,
      policy: `os_compute_api:${rule}:create`,
      body: body as typeof NewVolume,
      ok: 200,
      handle(): never {
        throw noService()
      },
    }),
    one('GET', 'show', 200),
    one('DELETE', 'delete', 202),
  ]
}
