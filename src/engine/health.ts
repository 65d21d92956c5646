import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, ContainerInspectInfo } from 'dockerode'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { withTimeLimit } from '../system/time-limit.js'
import { readLastLines } from './container-log.js'
import { engineError } from './engine.js'
import { execIn } from './exec.js'

const firstPollMs = 100
/** Checks must not slow down a start that is slow already. */
const lastPollMs = 2000
const pollGrowth = 1.5
const nanosecondsPerMs = 1e6
/** The engine's default, for a health check that sets no time-out. */
const defaultCheckTimeoutMs = 30_000
/** A first boot takes seconds, or minutes on a machine that is busy with builds. */
export const defaultHealthTimeoutMs = 180_000
const shownLogLines = 20

export type Health = 'healthy' | 'starting' | 'unhealthy' | 'running' | 'stopped'

/**
 * `running` means that the container has no health check. The engine waits a whole interval before its first check, so
 * a container that it still calls starting is checked here, at once.
 * @param name for messages.
 */
export async function readHealth(container: Container, name: string, signal: AbortSignal): Promise<Health> {
  const info = await container.inspect()
  if (!isRunning(info)) return 'stopped'
  const status = info.State.Health?.Status
  if (status === 'starting') return (await passesCheck(container, name, info, signal)) ? 'healthy' : status
  return status === 'healthy' || status === 'unhealthy' ? status : 'running'
}

export function isRunning({ State }: ContainerInspectInfo): boolean {
  return State.Running && !State.Restarting
}

/**
 * Resolves when the container is healthy, or, if it has no health check, when it runs. Makes the check itself instead of
 * waiting for the engine's next one.
 * @throws ERR_UNAVAILABLE with its last log lines where it ended, or is not healthy in time.
 */
export async function waitForHealth(
  container: Container,
  name: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  let pollMs = firstPollMs
  try {
    const { RestartCount: restartsBefore } = await container.inspect()
    for (;;) {
      throwIfAborted(signal)
      const info = await container.inspect()
      const { State, RestartCount } = info
      const mustCheck = State.Health !== undefined && State.Health.Status !== 'healthy'
      if (State.Running && (!mustCheck || (await passesCheck(container, name, info, signal)))) return
      const hasEnded = RestartCount > restartsBefore || !(State.Running || State.Restarting)
      if (hasEnded) throw await describeStop(container, name)
      if (performance.now() > deadline) throw await describeDelay(container, name, timeoutMs)
      await sleep(pollMs)
      pollMs = Math.min(pollMs * pollGrowth, lastPollMs)
    }
  } catch (error) {
    throw engineError(error, `waiting for ${name}`, signal)
  }
}

/** Runs the container's health check once. A check that cannot be run, or exceeds its time-out, has failed. */
async function passesCheck(
  container: Container,
  name: string,
  { Config }: ContainerInspectInfo,
  signal: AbortSignal,
): Promise<boolean> {
  const { Test: [kind, ...argv] = [], Timeout = 0 } = Config.Healthcheck ?? {}
  const command = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...argv] : argv
  const limitMs = Timeout / nanosecondsPerMs || defaultCheckTimeoutMs
  try {
    const { exitCode } = await withTimeLimit(signal, limitMs, (limited) =>
      execIn(container, name, command, { signal: limited }),
    )
    return exitCode === 0
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof SimdgresError && error.code === 'ERR_LOST_CONNECTION') throw error
    return false
  }
}

async function describeStop(container: Container, name: string): Promise<SimdgresError> {
  const { State } = await container.inspect()
  const why = State.OOMKilled ? ' (out of memory)' : State.Error ? ` (${State.Error})` : ''
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `${name} ended instead of starting${why}; its last lines:\n${await readLastLines(container, shownLogLines)}`,
    State.OOMKilled
      ? 'Give it more memory in .env.'
      : 'Correct what the last lines say, then run simdgres up again.',
  )
}

async function describeDelay(container: Container, name: string, timeoutMs: number): Promise<SimdgresError> {
  const { State } = await container.inspect()
  const check = State.Health?.Log?.at(-1)?.Output.trim()
  const says = check ? `; its health check says: ${check}` : ''
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `${name} is not healthy after ${Math.round(timeoutMs / 1000)} s${says}; its last lines:\n${await readLastLines(container, shownLogLines)}`,
    `It goes on starting; see simdgres status and simdgres logs ${name}.`,
  )
}
