import { Type as T } from '@sinclair/typebox'
import type { Compute, ServiceState } from '../../compute/index.ts'
import { badRequest, isUuid, notFound } from '../../kernel/index.ts'
import { Bool, boolean, Fqdn, Many } from './fields.ts'
import { bodyShape, queryShape, resource, route } from './route.ts'
import { serviceView, unreachableService, zoneDetail, zoneView } from './views/services.ts'

const ServicesQuery = queryShape('services', {
  host: Many(T.String({ maxLength: 255 })),
  binary: Many(T.String({ maxLength: 255 })),
})

const Reason = T.String({ minLength: 1, maxLength: 255 })

/** Until 2.53 a service is named in the body, and what shall happen to it in the path. */
const NamedChange = bodyShape(
  'service.change',
  {
    host: Fqdn,
    binary: T.String({ minLength: 1, maxLength: 255 }),
    disabled_reason: T.Optional(Reason),
    forced_down: T.Optional(Bool),
  },
  (inner) => inner,
)

const ServiceUpdate = bodyShape(
  'service.update',
  {
    status: T.Optional(T.Union([T.Literal('enabled'), T.Literal('disabled')])),
    disabled_reason: T.Optional(Reason),
    forced_down: T.Optional(Bool),
  },
  (inner) => inner,
)

/** The processes of the cloud, and the zones that compute hosts are in. */
export function services({ hosts }: Compute) {
  return resource('os-services', [
    route('GET', '/os-availability-zone', {
      policy: 'os_compute_api:os-availability-zone:list',
      ok: 200,
      handle: async ({ as }) => ({
        availabilityZoneInfo: (await hosts.zones({ internal: false })).map((zone) => as(zoneView, zone)),
      }),
    }),

    route('GET', '/os-availability-zone/detail', {
      policy: 'os_compute_api:os-availability-zone:detail',
      ok: 200,
      handle: async ({ as }) => ({
        availabilityZoneInfo: (await hosts.zones({ internal: true })).map((zone) => as(zoneDetail, zone)),
      }),
    }),

    route('GET', '/os-services', {
      policy: 'os_compute_api:os-services:list',
      query: ServicesQuery,
      ok: 200,
      async handle({ query, as, does }) {
        const [host, binary] = [query.host?.at(-1), query.binary?.at(-1)]
        const asked = { ...(host ? { host } : {}), ...(binary ? { binary } : {}) }
        const { known, unknown } = await hosts.servicesOfAll(asked)
        const unreachable = does('unreachable-cells') ? unknown : []
        return {
          services: [
            ...known.map((service) => as(serviceView, service)),
            ...unreachable.map((host) => as(unreachableService, host)),
          ],
        }
      },
    }),

    route('PUT', '/os-services/:id', {
      until: '2.52',
      policy: 'os_compute_api:os-services:update',
      body: NamedChange,
      ok: 200,
      handle: ({ params, body, does }) => {
        const change = NAMED_CHANGES[params.id!]
        if (!change || (params.id === 'force-down' && !does('services-are-forced-down')))
          throw notFound('Unknown action')
        const { changes, answer } = change(body)
        return hosts
          .change(body.host, body.binary, changes)
          .then((state) => ({ service: { host: body.host, binary: body.binary, ...answer(state) } }))
      },
    }),

    route('PUT', '/os-services/:id', {
      since: '2.53',
      policy: 'os_compute_api:os-services:update',
      body: ServiceUpdate,
      ok: { '2.53': 200 },
      async handle({ params, body, as }) {
        if (!isUuid(params.id!)) throw badRequest('Invalid uuid for the service.')
        const { status, disabled_reason, forced_down } = body
        if (disabled_reason !== undefined && status !== 'disabled') {
          throw badRequest("Specifying disabled_reason requires that status is 'disabled'.")
        }
        if (status === undefined && forced_down === undefined) {
          throw badRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
        }
        const { service } = await hosts.showService(params.id!)
        const state = await hosts.change(service.host, service.binary_name, {
          ...(status === undefined
            ? {}
            : {
                disabled: status === 'disabled',
                disabled_reason: status === 'disabled' ? (disabled_reason ?? null) : null,
              }),
          ...(forced_down === undefined ? {} : { forced_down: boolean(forced_down) }),
        })
        return { service: as(serviceView, state) }
      },
    }),

    route('DELETE', '/os-services/:id', {
      policy: 'os_compute_api:os-services:delete',
      ok: 204,
      async handle({ params, does }) {
        const id = params.id!
        if (!(does('hosts-by-uuid') ? isUuid(id) : /^\d{1,15}$/.test(id))) {
          throw badRequest(`Invalid ${does('hosts-by-uuid') ? 'uuid' : 'integer'} for the service.`)
        }
        await hosts.removeService(id)
      },
    }),
  ])
}

type NamedBody = ReturnType<ReturnType<typeof NamedChange.at>>
interface Change {
  readonly changes: Parameters<Compute['hosts']['change']>[2]
  readonly answer: (state: ServiceState) => Record<string, unknown>
}

/** Until 2.53: what the last step of the path means, and what it answers. */
const NAMED_CHANGES: Record<string, (body: NamedBody) => Change> = {
  enable: () => ({
    changes: { disabled: false, disabled_reason: null },
    answer: () => ({ status: 'enabled' }),
  }),
  disable: () => ({
    changes: { disabled: true, disabled_reason: null },
    answer: () => ({ status: 'disabled' }),
  }),
  'disable-log-reason': ({ disabled_reason }) => {
    if (disabled_reason === undefined) throw badRequest('Missing disabled reason field')
    return {
      changes: { disabled: true, disabled_reason },
      answer: () => ({ status: 'disabled', disabled_reason }),
    }
  },
  'force-down': ({ forced_down }) => {
    if (forced_down === undefined) throw badRequest('Missing forced_down field')
    return {
      changes: { forced_down: boolean(forced_down) },
      answer: ({ service }) => ({ forced_down: service.forced_down }),
    }
  },
}
