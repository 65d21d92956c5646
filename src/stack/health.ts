import { setTimeout as sleep } from 'node:timers/promises'
import type { Container } from 'dockerode'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { readLastLines } from '../targets/docker-container.js'
import { engineError } from '../targets/docker-engine.js'

const pollIntervalMs = 200
/** A first boot takes seconds; a machine that is busy with builds can need minutes. */
export const defaultHealthTimeoutMs = 180_000
const shownLogLines = 20

export type Health = 'healthy' | 'starting' | 'unhealthy' | 'running' | 'stopped'

/** `running`: it has no health check. */
export async function readHealth(container: Container): Promise<Health> {
  const { State } = await container.inspect()
  if (!State.Running || State.Restarting) return 'stopped'
  const status = State.Health?.Status
  return status === 'healthy' || status === 'unhealthy' || status === 'starting' ? status : 'running'
}

/**
 * Resolves when the container is healthy, or runs where it has no health check.
 * @throws ERR_UNAVAILABLE with its last log lines where it ended, or is not healthy in time.
 */
export async function waitForHealth(
  container: Container,
  name: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  try {
    const { RestartCount: restartsBefore } = await container.inspect()
    for (;;) {
      throwIfAborted(signal)
      const { State, RestartCount } = await container.inspect()
      const status = State.Health?.Status
      if (State.Running && (status === 'healthy' || State.Health === undefined)) return
      const hasEnded = RestartCount > restartsBefore || !(State.Running || State.Restarting)
      if (hasEnded) throw await describeStop(container, name)
      if (performance.now() > deadline) throw await describeDelay(container, name, timeoutMs)
      await sleep(pollIntervalMs)
    }
  } catch (error) {
    throw engineError(error, `waiting for ${name}`, signal)
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
