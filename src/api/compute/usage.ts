import { Type as T } from '@sinclair/typebox'
import type { Compute, ProjectUsage } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { CountText, dateTime, Many, Text } from './fields.ts'
import { type Page, pageOf } from './paging.ts'
import { queryShape, type Req, resource, route } from './route.ts'
import { usageView } from './views/usage.ts'

const period = { start: Many(Text), end: Many(Text) }
const pages = { limit: Many(CountText), marker: Many(T.String({ maxLength: 255 })) }
const UsagesQuery = queryShape('usages', { ...period, detailed: Many(Text), ...pages })
const UsageQuery = queryShape('usage', { ...period, ...pages })
type UsageQuery = ReturnType<ReturnType<typeof UsageQuery.at>>

/** How much projects have used: Horizon's overview, and bills. */
export function tenantUsage({ usage }: Compute, { maxLimit }: { maxLimit: number }) {
  async function read(req: Req<null, UsageQuery>, projectId: string | null, detailed: boolean) {
    const period = periodOf(req.query)
    const page = req.does('usage-in-pages') ? pageOf(req.query, maxLimit) : null
    const usages = page?.limit === 0 ? [] : await usage.of({ ...period, projectId }, page)
    const now = Date.now()
    return {
      usages: usages.map((each) => req.as(usageView, { usage: each, period, detailed, now })),
      links: linksOf(req, usages, page),
    }
  }

  return resource('os-simple-tenant-usage', [
    route('GET', '/os-simple-tenant-usage', {
      policy: 'os_compute_api:os-simple-tenant-usage:list',
      query: UsagesQuery,
      ok: 200,
      async handle(req) {
        const { usages, links } = await read(req, null, req.query.detailed?.[0] === '1')
        return { tenant_usages: usages, tenant_usages_links: links }
      },
    }),

    route('GET', '/os-simple-tenant-usage/:id', {
      policy: null,
      query: UsageQuery,
      ok: 200,
      async handle(req) {
        const id = req.params.id!
        req.must('os_compute_api:os-simple-tenant-usage:show', { project_id: id })
        const { usages, links } = await read(req, id, true)
        return { tenant_usage: usages[0] ?? {}, tenant_usage_links: links }
      },
    }),
  ])
}

/** A link to the next page follows a full one only. */
function linksOf({ links, call }: Req<null, UsageQuery>, usages: readonly ProjectUsage[], page: Page | null): unknown {
  const servers = usages.flatMap((each) => each.servers)
  const last = servers.at(-1)
  if (page === null || last === undefined || servers.length < page.limit) return undefined
  return [links.next(call.query, last.server.id)]
}

const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$/

/** From `start` to `end`; each is now where it is not given. What is to come counts for nothing, as in Nova. */
function periodOf(query: UsageQuery): { start: Date; end: Date } {
  const now = new Date()
  const at = (text: string | undefined): Date => {
    if (text === undefined) return now
    const time = dateTime(text)
    if (!TIME.test(text) || Number.isNaN(time.getTime())) throw badRequest('Datetime is in invalid format')
    return time
  }
  const [start, end] = [at(query.start?.[0]), at(query.end?.[0])]
  if (start > end) throw badRequest('Invalid start time. The start time cannot occur after the end time.')
  return { start, end: end > now ? now : end }
}
