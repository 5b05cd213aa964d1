import { expect, test } from 'bun:test'
import type { Candidate, PlanResult } from '../../contracts/index.ts'
import { decisionOf, keptDecision, movedOn } from './decision.ts'

const candidate = (id: number): Candidate => ({
  cell_id: 'cell1',
  host_id: id,
  host: `host-${id}`,
  node: `node-${id}`,
  weight: -id,
  weights: {},
})
const attempt = (id: number) => ({ host: `host-${id}`, node: `node-${id}`, reason: 'no' })
const now = new Date(0)

const planOf = (candidates: number, rejections = 0): PlanResult => ({
  candidates: Array.from({ length: candidates }, (_, index) => candidate(index + 1)),
  explanation: {
    hosts: 500,
    rejections: Array.from({ length: rejections }, (_, index) => ({ filter: `F${index}`, hosts: 1, says: '1 of 500 is not' })),
  },
})

test('the chosen host and those after it are kept, those before it are attempts', () => {
  const decided = decisionOf(planOf(4), 1, [attempt(1)], now)
  expect([decided.chosen?.host, decided.alternates.map(({ host }) => host)]).toEqual(['host-2', ['host-3', 'host-4']])
  expect(decided.attempts).toEqual([attempt(1)])
  expect(keptDecision(decided)).toEqual(decided)
})

test('what is kept is bounded, whatever the plan', () => {
  const attempts = Array.from({ length: 100 }, (_, index) => attempt(index))
  const { alternates, rejections, attempts: kept } = decisionOf(planOf(64, 300), 0, attempts, now)
  expect([alternates.length, rejections.length, kept.length]).toEqual([8, 64, 16])
  expect(kept.at(-1)).toEqual(attempt(99))
})

test('a server that moves on has the next host as chosen, and the failed one as attempt', () => {
  const moved = movedOn(decisionOf(planOf(4), 0, [], now), attempt(1), candidate(3))
  expect([moved?.chosen?.host, moved?.alternates.map(({ host }) => host)]).toEqual(['host-3', ['host-4']])
  expect(moved?.attempts).toEqual([attempt(1)])
})

test('what another release wrote is no decision', () => {
  expect([keptDecision(null), keptDecision({ hosts: 3 }), movedOn({ hosts: 3 }, attempt(1), candidate(2))]).toEqual([null, null, null])
})
