import { connect } from 'node:net'
import type { ContainerInspectInfo } from 'dockerode'
import { expect } from 'vitest'
import { planDown, takeDown } from '#src/stack/down.js'
import type { Stack } from '#src/stack/stack.js'
import type { StackSandbox } from '../stack/stack-sandbox.js'

/** Questions to every container of a running stack; answers by service. */
export class AllContainers {
  readonly #stack: Stack
  /** As they were when this was made. */
  readonly inspected: ReadonlyMap<string, ContainerInspectInfo>

  private constructor(stack: Stack, inspected: ReadonlyMap<string, ContainerInspectInfo>) {
    this.#stack = stack
    this.inspected = inspected
  }

  static async inspect(stack: Stack): Promise<AllContainers> {
    const inspected = new Map<string, ContainerInspectInfo>()
    for (const name of Object.keys(stack.compose.services)) {
      inspected.set(name, await (await stack.container(name)).inspect())
    }
    return new AllContainers(stack, inspected)
  }

  ofEach<T>(read: (info: ContainerInspectInfo) => T): Record<string, T> {
    return Object.fromEntries([...this.inspected].map(([name, info]) => [name, read(info)]))
  }

  same<T>(value: T): Record<string, T> {
    return this.ofEach(() => value)
  }

  /** What a shell script writes in each. */
  async inEach(script: string, user?: string): Promise<Record<string, string>> {
    const outputs: Record<string, string> = {}
    for (const name of this.inspected.keys()) {
      const { stdout, stderr } = await this.#stack.exec(name, ['sh', '-c', script], user ? { user } : {})
      outputs[name] = (stdout + stderr).trim()
    }
    return outputs
  }

  /** Asked again: the engine's own process is seen for a moment, with its rights, while it begins a health check. */
  async expectOfEach(script: string, expected: Record<string, string>): Promise<void> {
    await expect.poll(() => this.inEach(script), { timeout: 120_000, interval: 500 }).toEqual(expected)
  }
}

/** A stack with all of its profiles, started twice: on used volumes files have other rights than on the first start. */
export async function startEveryService(sandbox: StackSandbox): Promise<Stack> {
  const planned = await sandbox.open()
  // Without it there is no Alertmanager.
  const settings = { ALERT_WEBHOOK_URL: 'http://127.0.0.1:9/' }
  planned.previewSettings(settings)
  const { services } = planned.compose
  const profiles = [...new Set(Object.values(services).flatMap((service) => service.profiles))]
  for (const service of Object.keys(services)) await planned.ensureImage(service)
  await sandbox.up({ profiles, settings })
  const stack = await sandbox.open()
  await takeDown(stack, await planDown(stack, false))
  await sandbox.up({ profiles, settings })
  return stack
}

export function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5000 })
    const finish = (result: boolean) => (): void => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', finish(true)).once('error', finish(false)).once('timeout', finish(false))
  })
}
