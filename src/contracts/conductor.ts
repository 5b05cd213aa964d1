import { Type as T } from '@sinclair/typebox'
import { message } from './contract.ts'

/** The doorbell of one database's tasks: `task T is there`. Any conductor of that database may take it. */
export const tasksTopic = (database: string): string => `tasks.${database}`

export const taskReady = message('conductor.task-ready', 1, T.Object({ task_id: T.String({ maxLength: 64 }) }))
