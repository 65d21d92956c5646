import { readHealth } from '#src/engine/health.js'
import type { Stack } from '#src/stack/stack.js'
import { until } from './until.js'

/** The engine waits between two starts: twice as long after each crash of a container, a minute at most. */
export const restartLimitMs = 150_000

/**
 * Ends the first process of containers, from a container that sees the machine's processes: to the engine it looks as
 * if they had crashed. Resolves to the processes' numbers by name.
 */
export async function killEveryProcess(stack: Stack, names: readonly string[]): Promise<Map<string, number>> {
  const pids = new Map<string, number>()
  for (const name of names) pids.set(name, (await (await stack.container(name)).inspect()).State.Pid)
  const killer = await stack.engine.createContainer({
    Image: await stack.ensureImage('postgres'),
    User: '0:0',
    Entrypoint: ['kill', '-9', ...[...pids.values()].map(String)],
    HostConfig: {
      PidMode: 'host',
      NetworkMode: 'none',
      AutoRemove: true,
      CapDrop: ['ALL'],
      CapAdd: ['KILL'],
    },
  })
  await killer.start()
  return pids
}

/** Resolves when processes other than these run in the containers. */
export async function waitForNewProcess(
  stack: Stack,
  pidsBefore: ReadonlyMap<string, number>,
): Promise<void> {
  for (const [name, before] of pidsBefore) {
    const isNew = async (): Promise<boolean> => {
      const { State } = await (await stack.container(name)).inspect()
      return State.Pid !== before && State.Pid > 0
    }
    await until(isNew, restartLimitMs, `${name} runs again`)
  }
}

/** Resolves when processes other than these run in the containers, and are healthy. */
export async function waitForRestart(stack: Stack, pidsBefore: ReadonlyMap<string, number>): Promise<void> {
  for (const [name, before] of pidsBefore) {
    const isHealthy = async (): Promise<boolean> => {
      const container = await stack.container(name)
      const { State } = await container.inspect()
      const isNew = State.Pid !== before && State.Pid > 0
      return isNew && (await readHealth(container, name, stack.signal)) === 'healthy'
    }
    await until(isHealthy, restartLimitMs, `${name} runs again and is healthy`)
  }
}
