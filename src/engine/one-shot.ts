import type { Duplex } from 'node:stream'
import type Docker from 'dockerode'
import type { ServicePlan } from './apply-plan.js'
import { create } from './apply-plan.js'
import { watchForEnd } from './end-watch.js'
import { engineError } from './engine.js'
import type { ExecOptions, ExecResult } from './exec.js'
import { converse } from './exec.js'
import { removeContainer } from './owner.js'

/** Runs a container to its end and removes it, also after a failure or an abort. */
export async function runToEnd(
  engine: Docker,
  plan: ServicePlan,
  options: Pick<ExecOptions, 'stdin' | 'output'> & { readonly signal: AbortSignal },
): Promise<ExecResult> {
  const { name } = plan.options
  const container = await create(engine, plan)
  try {
    const stream = (await container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
    })) as unknown as Duplex
    await container.start()
    const stopWatch = watchForEnd(stream, async () => !(await container.inspect()).State.Running)
    const outputs = await converse(stream, options).finally(stopWatch)
    const { StatusCode } = (await container.wait()) as { StatusCode: number }
    return { exitCode: StatusCode, ...outputs }
  } catch (error) {
    throw engineError(error, `running ${name}`, options.signal)
  } finally {
    // Anonymous volumes included: the engine makes one for every volume that the image declares and nobody mounts.
    await removeContainer(engine, container.id).catch((error: unknown) => {
      throw engineError(error, `removing the container ${name}`)
    })
  }
}
