import { describe, expect, test } from 'bun:test'
import { statesOf, statusOf } from './status.ts'

describe('the status of a server', () => {
  test.each([
    ['active', null, 'ACTIVE'],
    ['active', 'rebooting', 'REBOOT'],
    ['active', 'reboot_started_hard', 'HARD_REBOOT'],
    ['active', 'powering-off', 'ACTIVE'],
    ['active', 'deleting', 'ACTIVE'],
    ['active', 'resize_prep', 'RESIZE'],
    ['building', 'spawning', 'BUILD'],
    ['stopped', null, 'SHUTOFF'],
    ['stopped', 'rebooting_hard', 'SHUTOFF'],
    ['stopped', 'rebuilding', 'REBUILD'],
    ['resized', null, 'VERIFY_RESIZE'],
    ['resized', 'resize_reverting', 'REVERT_RESIZE'],
    ['paused', 'migrating', 'MIGRATING'],
    ['error', null, 'ERROR'],
    ['soft-delete', null, 'SOFT_DELETED'],
    ['martian', null, 'UNKNOWN'],
  ])('of %s/%s is %s', (vm_state, task_state, status) => {
    expect(statusOf({ vm_state, task_state, deleted_at: null })).toBe(status)
  })

  test('is DELETED for a deleted row, whatever else it says', () => {
    expect(statusOf({ vm_state: 'active', task_state: null, deleted_at: new Date() })).toBe('DELETED')
  })

  test('does not take a property of every object for a task', () => {
    expect(statusOf({ vm_state: 'active', task_state: 'constructor', deleted_at: null })).toBe('ACTIVE')
  })
})

describe('a status as a filter', () => {
  test('leaves the task out where it is the word for any other task', () => {
    expect(statesOf('ACTIVE')).toEqual([{ vm_state: 'active', task_states: null }])
  })

  test('names the tasks where it is a word for some', () => {
    expect(statesOf('reboot')).toEqual([
      { vm_state: 'active', task_states: ['rebooting', 'reboot_pending', 'reboot_started'] },
    ])
  })

  test('finds each state that shows the word', () => {
    expect(statesOf('RESIZE')?.map((cell) => cell.vm_state)).toEqual(['active', 'stopped'])
  })

  test('is nothing for a word that is no status', () => expect(statesOf('SLEEPING')).toBeNull())
})
