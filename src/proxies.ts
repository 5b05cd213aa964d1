import { withProperties } from './api/image/index.ts'
import type { ImageFilter, ImageProxy, NetworkProxy, Proxies, ProxiedFloatingIp, SecurityGroup } from './compute/index.ts'
import type { Image, Images } from './image/index.ts'
import { badRequest, notFound, Problem, type RequestContext } from './kernel/index.ts'
import type { FloatingIp, GroupWithRules, Listing, Network, Networks, SecurityGroupRule, Viewer } from './network/index.ts'
import { viewerOf } from './network/index.ts'
import type { Policy } from './platform/policy/index.ts'

/** Binds the APIs that Nova once handed on to the services that are built in, with their own rules. */
export function bindProxies(services: { images: Images; networks: Networks; policy: Policy }): Proxies {
  return { images: imageProxy(services), networks: networkProxy(services) }
}

/** Rounds of a list that filters by what the image service does not; each is a page. */
const MAX_ROUNDS = 20

function imageProxy({ images, policy }: { images: Images; policy: Policy }): ImageProxy {
  async function permitted(ctx: RequestContext, id: string, rule: 'modify_image' | 'delete_image'): Promise<Image> {
    const image = await images.show(ctx, id)
    policy.enforce(rule, ctx, { project_id: image.owner, owner: image.owner, visibility: image.visibility })
    return image
  }

  async function list(ctx: RequestContext, filter: ImageFilter): Promise<Image[]> {
    const { name, statuses, changes_since, properties, limit } = filter
    const found: Image[] = []
    let marker = filter.marker
    for (let round = 0; round < MAX_ROUNDS && found.length < limit; round++) {
      const page = await images.list(ctx, {
        anyOf: { ...(name === null ? {} : { name: [name] }), ...(statuses ? { status: statuses } : {}) },
        hidden: false,
        member_status: 'accepted',
        tags: [],
        properties,
        times: changes_since === null ? [] : [{ column: 'updated_at', is: 'gte', at: changes_since }],
        sort: [],
        limit,
        ...(marker === null ? {} : { marker }),
      })
      found.push(
        ...page.filter(
          (image) =>
            image.min_disk_gb >= (filter.min_disk_gb ?? 0) && image.min_ram_mb >= (filter.min_ram_mb ?? 0),
        ),
      )
      if (page.length < limit) break
      marker = page.at(-1)!.id
    }
    return found.slice(0, limit)
  }

  return {
    async list(ctx, filter) {
      if (filter.marker !== null) {
        await images.show(ctx, filter.marker).catch((cause: unknown) => {
          throw isMissing(cause) ? badRequest(`marker [${filter.marker}] not found`, cause) : cause
        })
      }
      return list(ctx, filter)
    },
    show: (ctx, id) => images.show(ctx, id),
    async delete(ctx, id) {
      await permitted(ctx, id, 'delete_image')
      await images.delete(ctx, id)
    },
    async changeProperties(ctx, id, change) {
      await permitted(ctx, id, 'modify_image')
      const changed = await images.change(ctx, id, (image) => withProperties(image, change(image.properties)))
      return changed.properties
    },
  }
}

const EVERYTHING: Listing = { filters: new Map(), sort: [], limit: null, marker: null }
const filtered = (name: string, ...values: string[]): Listing => ({ ...EVERYTHING, filters: new Map([[name, values]]) })
const ALL: Viewer = { project_id: '', all: true }

function networkProxy({ networks, policy }: { networks: Networks; policy: Policy }): NetworkProxy {
  const { floatingIps, securityGroups } = networks
  /** Asks the rule of the network service as well, and sees what its caller sees. */
  function viewer(ctx: RequestContext, rule: string, target?: { project_id: string }): Viewer {
    policy.enforce(rule, ctx, target)
    return viewerOf(ctx)
  }

  async function externalNetworks(seen: Viewer): Promise<Network[]> {
    const { items } = await networks.networks.list(seen, filtered('router:external', 'true'))
    return items.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  async function withPools(found: readonly FloatingIp[]): Promise<ProxiedFloatingIp[]> {
    if (found.length === 0) return []
    const names = new Map((await externalNetworks(ALL)).map(({ id, name }) => [id, name]))
    return found.map((each) => ({
      id: each.id,
      address: each.floating_ip_address,
      fixed_address: each.fixed_ip_address,
      server_id: each.port?.device_owner.startsWith('compute:') ? each.port.device_id : null,
      pool: names.get(each.floating_network_id) ?? each.floating_network_id,
    }))
  }

  /** The names of the groups that rules refer to, in one query for all of them. */
  async function withNames(groups: readonly GroupWithRules[]): Promise<SecurityGroup[]> {
    const referred = [...new Set(groups.flatMap(({ rules }) => rules.flatMap((rule) => rule.remote_group_id ?? [])))]
    const { items } = referred.length === 0 ? { items: [] } : await securityGroups.list(ALL, filtered('id', ...referred))
    const byId = new Map(items.map(({ id, name, project_id }) => [id, { name, project_id }]))
    return groups.map((group) => ({ ...group, rules: group.rules.map((rule) => withName(rule, byId)) }))
  }

  const one = async (group: GroupWithRules): Promise<SecurityGroup> => (await withNames([group]))[0]!

  return {
    networks: async (ctx) => (await networks.networks.list(viewer(ctx, 'get_network'), EVERYTHING)).items,
    network: (ctx, id) => networks.networks.show(viewer(ctx, 'get_network'), id),
    pools: (ctx) => externalNetworks(viewer(ctx, 'get_network')),

    async floatingIps(ctx) {
      const { project_id } = viewer(ctx, 'get_floatingip')
      return withPools((await floatingIps.list({ project_id, all: false }, EVERYTHING)).items)
    },
    floatingIp: async (ctx, id) => (await withPools([await floatingIps.show(viewer(ctx, 'get_floatingip'), id)]))[0]!,
    async allocateFloatingIp(ctx, pool) {
      const seen = viewer(ctx, 'create_floatingip')
      const pools = await externalNetworks(seen)
      const network = pool === null ? pools[0] : pools.find(({ id, name }) => id === pool || name === pool)
      if (!network) throw notFound('Floating IP pool not found.')
      const made = await floatingIps.create(seen, {
        floating_network_id: network.id,
        project_id: ctx.projectId,
        description: '',
      })
      return (await withPools([made]))[0]!
    },
    async releaseFloatingIp(ctx, id) {
      const seen = viewerOf(ctx)
      const { project_id } = await floatingIps.show(seen, id)
      await floatingIps.remove(viewer(ctx, 'delete_floatingip', { project_id }), id)
    },

    async securityGroups(ctx, allProjects) {
      const { project_id, all } = viewer(ctx, 'get_security_group')
      return withNames((await securityGroups.list({ project_id, all: all && allProjects }, EVERYTHING)).items)
    },
    securityGroup: async (ctx, id) => one(await securityGroups.show(viewer(ctx, 'get_security_group'), id)),
    createSecurityGroup: async (ctx, wanted) =>
      refusing(async () => {
        const seen = viewer(ctx, 'create_security_group')
        return one(await securityGroups.create(seen, { ...wanted, project_id: ctx.projectId }))
      }),
    updateSecurityGroup: (ctx, id, changes) =>
      refusing(async () => {
        const { project_id } = await securityGroups.show(viewerOf(ctx), id)
        return one(await securityGroups.update(viewer(ctx, 'update_security_group', { project_id }), id, changes))
      }),
    deleteSecurityGroup: (ctx, id) =>
      refusing(async () => {
        const { project_id } = await securityGroups.show(viewerOf(ctx), id)
        await securityGroups.remove(viewer(ctx, 'delete_security_group', { project_id }), id)
      }),
    addRule: (ctx, wanted) =>
      refusing(async () => {
        const seen = viewerOf(ctx)
        const { project_id } = await securityGroups.show(seen, wanted.group_id)
        viewer(ctx, 'create_security_group_rule', { project_id })
        const made = await securityGroups.createRule(seen, {
          security_group_id: wanted.group_id,
          direction: 'ingress',
          ethertype: wanted.cidr?.includes(':') ? 'IPv6' : 'IPv4',
          protocol: wanted.protocol,
          port_range_min: wanted.from_port,
          port_range_max: wanted.to_port,
          remote_ip_prefix: wanted.cidr,
          remote_group_id: wanted.remote_group_id,
          description: '',
        })
        const group = await one(await securityGroups.show(seen, wanted.group_id))
        return group.rules.find(({ id }) => id === made.id)!
      }),
    async removeRule(ctx, id) {
      const { project_id } = await securityGroups.showRule(viewerOf(ctx), id)
      await securityGroups.removeRule(viewer(ctx, 'delete_security_group_rule', { project_id }), id)
    },
  }
}

type Named = ReadonlyMap<string, { readonly name: string; readonly project_id: string }>
const withName = (rule: SecurityGroupRule, groups: Named): SecurityGroup['rules'][number] => ({
  ...rule,
  remote_group: rule.remote_group_id === null ? null : (groups.get(rule.remote_group_id) ?? null),
})

const isMissing = (error: unknown): boolean => error instanceof Problem && error.kind === 'not_found'

/** What is a conflict to the network service was a bad request to Nova's clients. */
async function refusing<R>(work: () => Promise<R>): Promise<R> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Problem && error.kind === 'conflict' ? badRequest(error.message, error) : error
  }
}
