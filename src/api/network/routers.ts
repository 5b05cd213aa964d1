import type { Static } from '@sinclair/typebox'
import { badRequest } from '../../kernel/index.ts'
import type { Networks, Router, RouterChanges, RouterInterface, WantedGateway } from '../../network/index.ts'
import { type Call, type HttpRoute, validator } from '../../platform/http/index.ts'
import { type Asker, askerOf, type Gate, grantedItem } from './asker.ts'
import { defined } from './networks.ts'
import type { Resource } from './resource.ts'
import { RouterCreate, RouterInterfaceBody, RouterUpdate } from './schemas.ts'
import { single } from './security-groups.ts'
import { routerView } from './views.ts'

type Routers = Resource<Router, typeof RouterCreate, typeof RouterUpdate>

export function routers({ routers: verbs }: Networks): Routers {
  return {
    one: 'router',
    many: 'routers',
    path: 'routers',
    tagged: 'routers',
    create: RouterCreate,
    update: RouterUpdate,
    list: ({ viewer }, listing) => verbs.list(viewer, listing),
    show: ({ viewer }, id) => verbs.show(viewer, id),
    async make(asker, bodies) {
      const [{ body, project_id }] = single(bodies)
      checkGateway(asker, body, 'create', project_id)
      return [await verbs.create(asker.viewer, { ...changesOf(body), project_id })]
    },
    change(asker, router, body) {
      checkGateway(asker, body, 'update', router.project_id)
      return verbs.update(asker.viewer, router.id, {
        ...changesOf(body),
        ...(body.routes !== undefined && { routes: body.routes ?? [] }),
      })
    },
    remove: ({ viewer }, id) => verbs.remove(viewer, id),
    view: routerView,
  }
}

type Body = Pick<
  Static<typeof RouterUpdate>,
  'name' | 'description' | 'admin_state_up' | 'external_gateway_info' | 'distributed' | 'ha'
>

function changesOf(body: Body): RouterChanges {
  const { name, description, admin_state_up } = body
  const gateway = gatewayOf(body)
  return { ...defined({ name, description, admin_state_up }), ...(gateway !== undefined && { gateway }) }
}

/** Clients clear a gateway by null and by `{}`. */
function gatewayOf({ external_gateway_info: info }: Body): WantedGateway | null | undefined {
  if (info === undefined) return undefined
  return info !== null && 'network_id' in info ? info : null
}

/** Whether it hides its networks, and by which address, is for an administrator to say, as in Neutron. */
function checkGateway({ ctx, policy }: Asker, body: Body, verb: 'create' | 'update', project_id: string): void {
  const gateway = gatewayOf(body)
  const rule = `${verb}_router:external_gateway_info`
  if (gateway !== undefined) policy.enforce(rule, ctx, { project_id })
  if (gateway?.enable_snat !== undefined) policy.enforce(`${rule}:enable_snat`, ctx, { project_id })
  if (gateway?.external_fixed_ips !== undefined) policy.enforce(`${rule}:external_fixed_ips`, ctx, { project_id })
}

const checkInterface = validator(RouterInterfaceBody, { what: 'interface' })

/** A router's interfaces are added and removed by verbs of their own. */
export function routerInterfaceRoutes(gate: Gate, networks: Networks): HttpRoute[] {
  const verbs = networks.routers
  const find = { one: 'router_interface', show: ({ viewer }: Asker, id: string) => verbs.show(viewer, id) }
  const put = (verb: 'add' | 'remove', act: typeof verbs.addInterface): HttpRoute => ({
    method: 'PUT',
    path: `/v2.0/routers/:id/${verb}_router_interface`,
    async handle(call: Call) {
      const asker = askerOf(gate, call)
      const router = await grantedItem(find, asker, call, verb)
      const { port_id, subnet_id } = checkInterface(await call.json())
      if (port_id === undefined && subnet_id === undefined) {
        throw badRequest('Bad router request: Either subnet_id or port_id must be specified.')
      }
      if (verb === 'add' && port_id !== undefined && subnet_id !== undefined) {
        throw badRequest('Bad router request: Cannot specify both subnet-id and port-id.')
      }
      const which = port_id === undefined ? { subnet_id: subnet_id ?? '' } : { port_id, ...defined({ subnet_id }) }
      return { status: 200, body: interfaceView(await act(asker.viewer, router.id, which)) }
    },
  })
  return [put('add', verbs.addInterface), put('remove', verbs.removeInterface)]
}

const interfaceView = ({ router_id, project_id, port_id, network_id, subnet_ids }: RouterInterface) => ({
  id: router_id,
  tenant_id: project_id,
  port_id,
  network_id,
  subnet_id: subnet_ids[0] ?? null,
  subnet_ids,
})
