import { describe, expect, test } from 'bun:test'
import type { Server } from '../../cells/index.ts'
import { Problem, type RequestContext } from '../../kernel/index.ts'
import { assertAllowed, type Transition, TRANSITIONS } from './transitions.ts'

const ctx = (isAdmin: boolean) => ({ isAdmin }) as RequestContext
const server = (changes: Partial<Server>) =>
  ({
    id: 'S',
    vm_state: 'active',
    task_state: null,
    locked_by: null,
    launched_at: new Date(),
    host: 'h',
    ...changes,
  }) as Server

function refusal(transition: Transition, changes: Partial<Server>, isAdmin = false): string | null {
  try {
    assertAllowed(ctx(isAdmin), server(changes), transition)
    return null
  } catch (error) {
    expect((error as Problem).kind).toBe('conflict')
    return (error as Problem).message
  }
}

describe('a transition', () => {
  test('is allowed in the states of its row', () => {
    expect(refusal(TRANSITIONS.stop, {})).toBeNull()
    expect(refusal(TRANSITIONS.stop, { vm_state: 'error' })).toBeNull()
    expect(refusal(TRANSITIONS.start, { vm_state: 'stopped' })).toBeNull()
    expect(refusal(TRANSITIONS.reboot_hard, { task_state: 'rebooting' })).toBeNull()
  })

  test("is refused elsewhere, in Nova's words", () => {
    expect(refusal(TRANSITIONS.start, {})).toBe("Cannot 'start' instance S while it is in vm_state active")
    expect(refusal(TRANSITIONS.stop, { task_state: 'powering-off' })).toBe(
      "Cannot 'stop' instance S while it is in task_state powering-off",
    )
    expect(refusal(TRANSITIONS.reboot_soft, { task_state: 'rebooting' })).toBe(
      "Cannot 'reboot' instance S while it is in task_state rebooting",
    )
    expect(refusal(TRANSITIONS.stop, { vm_state: 'error', launched_at: null })).toBe(
      "Cannot 'stop' instance S while it is in launched_at None",
    )
    expect(refusal(TRANSITIONS.stop, { host: null })).toBe('Instance S is not ready')
    expect(refusal(TRANSITIONS.metadata, { vm_state: 'building' })).toContain('vm_state building')
  })

  test('of a locked server is for admins, where the row checks locks', () => {
    for (const locked_by of ['owner', 'admin'] as const) {
      expect(refusal(TRANSITIONS.stop, { locked_by })).toBe('Instance S is locked')
      expect(refusal(TRANSITIONS.delete, { locked_by })).toBe('Instance S is locked')
      expect(refusal(TRANSITIONS.stop, { locked_by }, true)).toBeNull()
      expect(refusal(TRANSITIONS.tags, { locked_by })).toBeNull()
    }
  })

  test('to deleted is allowed from every state', () => {
    for (const vm_state of ['building', 'error', 'stopped', 'rescued', 'shelved_offloaded'] as const) {
      expect(
        refusal(TRANSITIONS.delete, { vm_state, task_state: 'spawning', launched_at: null, host: null }),
      ).toBeNull()
    }
  })
})
