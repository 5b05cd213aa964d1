import type { AgentCommand, AgentVerb, CommandResult, PowerState, Progress } from '../src/contracts/index.ts'
import { type Clock, Problem, unavailable } from '../src/kernel/index.ts'
import type { Logger } from '../src/platform/log/index.ts'
import { createBuildSlots } from './build-slots.ts'
import type { Driver } from './drivers/driver.ts'
import { asProblem, overtaken } from './failures.ts'
import { FINAL_KINDS, type FinalKind, type HostJournal, type Outcome } from './journal.ts'
import { createLanes } from './lanes.ts'
import { type Verb, VERBS } from './verbs.ts'

/** Does a host's commands: each once in effect, those of one server in turn, an older one never after a newer. */
export interface Runner {
  /**
   * Does the command, joins it when it is under way, or answers from the journal when it is done.
   * @throws {Problem} as `asProblem` describes.
   */
  run(command: AgentCommand): Promise<CommandResult>
  /** Runs `work` while no command changes the server. */
  undisturbed<T>(serverId: string, work: () => Promise<T>): Promise<T>
  /** Takes no command from now on, and resolves when those that run have ended. */
  drain(): Promise<void>
}

export interface RunnerInput {
  readonly driver: Driver
  readonly journal: HostJournal
  readonly max_concurrent_builds: number
  readonly clock: Clock
  readonly log: Logger
  /** Told of the state that a command left a guest in, before its answer leaves. */
  readonly onResult: (serverId: string, powerState: PowerState) => void
  /** Told how far a command is that takes long. */
  readonly onProgress: (command: AgentCommand, progress: Progress) => void
}

export function createRunner(input: RunnerInput): Runner {
  const { driver, journal, max_concurrent_builds, clock, log, onResult, onProgress } = input
  const lanes = createLanes(clock)
  const builds = createBuildSlots(max_concurrent_builds)
  /** Commands under way, by id. */
  const running = new Map<string, Promise<CommandResult>>()
  /** What calls off the command that is done to a server, while there is one. */
  const underWay = new Map<string, AbortController>()
  let draining = false

  function run(command: AgentCommand): Promise<CommandResult> {
    const same = running.get(command.command_id)
    if (same) return same
    const work = obey(command).finally(() => running.delete(command.command_id))
    running.set(command.command_id, work)
    return work
  }

  async function obey(command: AgentCommand): Promise<CommandResult> {
    const { server_id, command_id } = command
    const outcome = journal.outcome(server_id, command_id)
    if (outcome) return answer(outcome)
    if (draining) throw outOfService()
    if (isOvertaken(command)) throw overtaken()

    // Begun on arrival, not when its turn comes: what waits in the lane with an older generation is void from here on.
    const begun = begin(command)
    begun.catch(() => {})
    if (command.verb === 'destroy') underWay.get(server_id)?.abort(overtaken())
    const turn = async (): Promise<CommandResult> => {
      await begun
      if (isOvertaken(command)) throw overtaken()
      return effect(command)
    }
    return verbOf(command).beside ? turn() : lanes.enter(server_id, turn)
  }

  function isOvertaken(command: AgentCommand): boolean {
    const { server_id, generation } = command
    if (generation < journal.generation(server_id)) return true
    // Also of the same generation: a build that was taken back must not come again.
    return verbOf(command).makes === true && generation <= journal.destroyed(server_id)
  }

  /**
   * Without its line in the journal a command has no effect: the fence must survive a crash. A destroy goes on all the
   * same, for on a full disk it is what makes room.
   */
  async function begin(command: AgentCommand): Promise<void> {
    try {
      await journal.begin(command)
    } catch (err) {
      if (command.verb !== 'destroy') throw unavailable('The host cannot write its journal.', err)
      log.error({ instance: command.server_id, err }, 'the journal cannot be written')
    }
  }

  async function effect(command: AgentCommand): Promise<CommandResult> {
    const { command_id, server_id, generation, verb, request_id } = command
    const line = { request_id, instance: server_id, command: command_id, generation, verb }
    log.debug(line, `${verb} begins`)
    try {
      const answer = await perform(command)
      const power_state = verb === 'destroy' ? 'nostate' : await driver.powerState(server_id)
      const result = { ...answer, power_state }
      onResult(server_id, power_state)
      await finish(command, { result })
      log.info(line, `${verb} done`)
      return result
    } catch (error) {
      const problem = asProblem(error)
      log.warn({ ...line, err: problem }, `${verb} failed`)
      if (isFinal(problem)) await finish(command, { failure: { kind: problem.kind, message: problem.message } })
      throw problem
    }
  }

  async function perform(command: AgentCommand): Promise<Omit<CommandResult, 'power_state'> | void> {
    const { server_id: instance } = command
    const { builds: isBuild, beside, perform } = verbOf(command)
    const off = new AbortController()
    const { signal } = off
    const work = {
      signal,
      progress: (progress: Progress) => onProgress(command, progress),
      stage: (stage: string) => {
        signal.throwIfAborted()
        log.debug({ instance }, `${command.verb}: ${stage}`)
      },
    }
    // A destroy goes on to its end, and what is beside another command ends with that.
    const mayBeCalledOff = !beside && command.verb !== 'destroy'
    if (mayBeCalledOff) underWay.set(instance, off)
    try {
      const done = () => perform(driver, command, work)
      return await (isBuild ? builds.run(done, signal) : done())
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      if (mayBeCalledOff) underWay.delete(instance)
    }
  }

  /** A command that had its effect is answered even when the answer cannot be kept: doing it again is safe. */
  async function finish(command: AgentCommand, outcome: Outcome): Promise<void> {
    try {
      await journal.finish(command, outcome)
    } catch (err) {
      log.error({ instance: command.server_id, err }, 'the journal cannot be written')
    }
  }

  async function drain(): Promise<void> {
    draining = true
    builds.turnAway(outOfService())
    await Promise.allSettled(running.values())
  }

  return { run, undisturbed: lanes.enter, drain }
}

/** The table pairs each verb with its own command. */
const verbOf = (command: AgentCommand): Verb<AgentVerb> => VERBS[command.verb] as unknown as Verb<AgentVerb>

function answer(outcome: Outcome): CommandResult {
  if ('result' in outcome) return outcome.result
  throw new Problem(outcome.failure.kind, outcome.failure.message)
}

const outOfService = (): Problem => unavailable('The host is going out of service.')

function isFinal(problem: Problem): problem is Problem & { kind: FinalKind } {
  return (FINAL_KINDS as readonly string[]).includes(problem.kind)
}
