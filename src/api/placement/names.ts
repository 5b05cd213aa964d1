import { isResourceClass, type Placement, RESOURCE_CLASSES, TRAITS } from '../../compute/index.ts'
import { badRequest, notFound } from '../../kernel/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import { parametersOf, type Parameters } from './query.ts'
import { type Asked, type Gate, readRoute } from './route.ts'

const TRAIT_PARAMETERS: Parameters = { name: { from: 6 }, associated: { from: 6 } }

/** The names of what providers have: classes of resources and traits. */
export function nameRoutes(gate: Gate, placement: Placement): HttpRoute[] {
  const classView = (name: string) => ({ name, links: [{ rel: 'self', href: `/resource_classes/${name}` }] })
  return [
    ...readRoute(gate, {
      path: '/resource_classes',
      from: 2,
      policy: 'placement:resource_classes:list',
      read: () => ({ resource_classes: RESOURCE_CLASSES.map(classView) }),
    }),
    ...readRoute(gate, {
      path: '/resource_classes/:name',
      from: 2,
      policy: 'placement:resource_classes:show',
      read({ params: { name = '' } }) {
        if (!isResourceClass(name)) throw notFound(`No such resource class ${name.slice(0, 100)}.`)
        return classView(name)
      },
    }),
    ...readRoute(gate, {
      path: '/traits',
      from: 6,
      policy: 'placement:traits:list',
      read: async (asked) => ({ traits: await traits(placement, asked) }),
    }),
    ...readRoute(gate, {
      path: '/traits/:name',
      from: 6,
      policy: 'placement:traits:show',
      async read({ params: { name = '' } }) {
        if (!TRAITS.includes(name) && !(await used(placement)).has(name)) throw notFound(`No such trait(s): ${name.slice(0, 100)}.`)
      },
    }),
  ]
}

/** `name=in:A,B`, `name=startswith:HW_`, `associated=true`: those that some node has. */
async function traits(placement: Placement, { call, version }: Asked): Promise<readonly string[]> {
  const values = parametersOf(call.query, TRAIT_PARAMETERS, version)
  const [name, associated] = ['name', 'associated'].map((key) => values.get(key)?.[0])
  if (associated !== undefined && !/^(true|false)$/i.test(associated)) {
    throw badRequest(`The query parameter "associated" only accepts "true" or "false"`)
  }
  const had = await used(placement)
  const wanted = associated === undefined ? null : associated.toLowerCase() === 'true'
  return [...new Set([...TRAITS, ...had])]
    .toSorted()
    .filter((trait) => matches(trait, name) && (wanted === null || had.has(trait) === wanted))
}

/** Traits that some node has. */
async function used(placement: Placement): Promise<ReadonlySet<string>> {
  return new Set((await placement.providers({})).flatMap((provider) => provider.traits))
}

function matches(trait: string, name: string | undefined): boolean {
  if (name === undefined) return true
  if (name.startsWith('in:')) return name.slice(3).split(',').includes(trait)
  if (name.startsWith('startswith:')) return trait.startsWith(name.slice('startswith:'.length))
  throw badRequest(`Badly formatted name parameter. Expected name query string parameter in form: ` +
    `?name=[in|startswith]:[name1,name2|prefix]. Got: "${name.slice(0, 100)}"`)
}
