import type { PlanRequest } from '../contracts/index.ts'
import type { Condition } from './filters/filter.ts'
import type { Weighing } from './weighers/weigher.ts'

/** What a decision may depend on: all but which server it is for, how many hosts are wanted, and chance. */
export type Asked = Omit<PlanRequest, 'server_id' | 'count' | 'seed'>

/** All conditions of a request, in the order in which a host has to pass them, and the filter that each is of. */
export interface Questions {
  readonly filters: readonly string[]
  readonly conditions: readonly Condition[]
  readonly weighings: readonly Weighing[]
}

/** The same conditions and weighings, whoever asked them. */
export interface RequestClass extends Pick<Questions, 'conditions' | 'weighings'> {
  /** Decisions made for it. */
  decisions: number
}

export interface Known {
  readonly asked: Asked
  readonly questions: Questions
  readonly of: RequestClass
}

export interface RequestClasses {
  /** What this request asks, worked out once for all requests that are like it. */
  of(asked: Asked): Known
}

/** Requests that are told apart, and those of one flavor and project; beyond these all are forgotten, and worked out anew. */
const MAX_KNOWN = 4_096
const MAX_ALIKE = 32

/** @param ask works out what a request asks of hosts; it depends on nothing else. */
export function createRequestClasses(ask: (asked: Asked) => Questions): RequestClasses {
  /** By flavor, by project. */
  const known = new Map<string, Map<string, Known[]>>()
  const classes = new Map<string, RequestClass>()
  /** Weighings that are the same for many classes are one array, so that the core need not be told them again. */
  const weighed = new Map<string, readonly Weighing[]>()
  let size = 0

  function learn(asked: Asked): Known {
    if (size >= MAX_KNOWN) {
      known.clear()
      classes.clear()
      weighed.clear()
      size = 0
    }
    const questions = ask(asked)
    // Functions are left out of JSON: what a condition tests, and a value is, is in its key.
    const weighKey = JSON.stringify(questions.weighings)
    const weighings = weighed.get(weighKey) ?? questions.weighings
    weighed.set(weighKey, weighings)
    const key = `${JSON.stringify(questions.conditions)} ${weighKey}`
    const of = classes.get(key) ?? { conditions: questions.conditions, weighings, decisions: 0 }
    classes.set(key, of)
    const learned = { asked, questions, of }
    const projects = known.get(asked.flavor.id) ?? new Map<string, Known[]>()
    const alike = projects.get(asked.project_id) ?? []
    known.set(asked.flavor.id, projects.set(asked.project_id, alike))
    if (alike.length >= MAX_ALIKE) alike.shift()
    else size++
    alike.push(learned)
    return learned
  }

  return {
    of(asked) {
      const alike = known.get(asked.flavor.id)?.get(asked.project_id)
      if (alike) {
        for (let at = 0; at < alike.length; at++) {
          const each = alike[at] as Known
          if (each.asked === asked || sameAsked(each.asked, asked)) return each
        }
      }
      return learn(asked)
    },
  }
}

/** Compares field by field: no key is made of a request, for that would cost more than a decision does. */
function sameAsked(one: Asked, other: Asked): boolean {
  return (
    one.image_id === other.image_id &&
    one.availability_zone === other.availability_zone &&
    one.force_host === other.force_host &&
    one.force_node === other.force_node &&
    one.requested_host === other.requested_host &&
    one.requested_node === other.requested_node &&
    one.project_id === other.project_id &&
    one.cell_id === other.cell_id &&
    sameFlavor(one.flavor, other.flavor) &&
    same(one.image_properties, other.image_properties) &&
    same(one.ignore_hosts, other.ignore_hosts) &&
    same(one.retry, other.retry) &&
    same(one.hints, other.hints) &&
    same(one.group, other.group)
  )
}

const COMPARED = [
  'image_id',
  'availability_zone',
  'force_host',
  'force_node',
  'requested_host',
  'requested_node',
  'project_id',
  'cell_id',
  'flavor',
  'image_properties',
  'ignore_hosts',
  'retry',
  'hints',
  'group',
] as const satisfies readonly (keyof Asked)[]
/** A field that is added to requests has to be compared too: this is what then no longer compiles. */
export type Uncompared = Exclude<keyof Asked, (typeof COMPARED)[number]> extends never ? true : never
true satisfies Uncompared

function sameFlavor(one: Asked['flavor'], other: Asked['flavor']): boolean {
  return (
    one === other ||
    (one.vcpus === other.vcpus &&
      one.memory_mb === other.memory_mb &&
      one.root_gb === other.root_gb &&
      one.ephemeral_gb === other.ephemeral_gb &&
      one.swap_mb === other.swap_mb &&
      one.name === other.name &&
      one.id === other.id &&
      same(one.extra_specs, other.extra_specs))
  )
}

/** Deep equality of JSON. */
function same(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  let keys = 0
  for (const key in one) {
    if (!same((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key])) return false
    keys++
  }
  for (const _ in other) keys--
  return keys === 0
}
