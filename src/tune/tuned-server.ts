import { SimdgresError, throwIfAborted } from '../errors.js'
import type { Arm, PreparedArm } from '../measure/arm.js'
import type { Experiment } from '../measure/experiment.js'
import type { Progress } from '../progress.js'
import { isSameSetting, type Settings } from './points.js'

export interface ServerContext {
  readonly experiment: Experiment
  readonly progress: Progress
  readonly signal: AbortSignal
  /** The arm with a target of its own: a deployment that has lost its data is replaced by a fresh one. */
  describeArm(): Promise<Arm>
}

/** What moving between settings has cost. */
export interface ServerCost {
  deployments: number
  restarts: number
  restartMs: number
}

/** What several servers have cost together. */
export function addCosts(servers: readonly TunedServer[]): ServerCost {
  const sum: ServerCost = { deployments: 0, restarts: 0, restartMs: 0 }
  for (const { cost } of servers) {
    sum.deployments += cost.deployments
    sum.restarts += cost.restarts
    sum.restartMs += cost.restartMs
  }
  return sum
}

/**
 * A server that is moved from one setting to the next, on the same data. Settings with which it does not start, or does not
 * survive, are a result: it returns to the last ones that were good, with the data loaded anew if it was lost.
 */
export class TunedServer {
  readonly cost: ServerCost = { deployments: 0, restarts: 0, restartMs: 0 }
  readonly #context: ServerContext
  #arm: PreparedArm
  /** Of the server that runs. */
  #present: Settings = {}

  private constructor(context: ServerContext, arm: PreparedArm) {
    this.#context = context
    this.#arm = arm
    this.cost.deployments = 1
  }

  static async deploy(context: ServerContext): Promise<TunedServer> {
    const arm = await context.experiment.prepare(await context.describeArm())
    return new TunedServer(context, arm)
  }

  get arm(): PreparedArm {
    return this.#arm
  }

  get present(): Settings {
    return this.#present
  }

  /**
   * Restarts the server with `settings` beside those that it was deployed with. Resolves to why it cannot run with them, or
   * to nothing; it runs with the last good ones then.
   */
  async moveTo(settings: Settings): Promise<string | undefined> {
    if (isSameSetting(settings, this.#present)) return undefined
    const former = this.#present
    try {
      await this.#restart(settings)
      return undefined
    } catch (error) {
      throwIfAborted(this.#context.signal)
      if (!(error instanceof SimdgresError)) throw error
      const reason = `${error.message}. ${error.hint}`
      this.#context.progress.note(`A setting has failed: ${firstLine(reason)}`)
      await this.recover(former)
      return reason
    }
  }

  /** To `settings` after a failure: by a restart, or from the beginning where the data is lost. */
  async recover(settings: Settings): Promise<void> {
    const { experiment, progress, signal } = this.#context
    try {
      await this.#restart(settings)
    } catch (error) {
      throwIfAborted(signal)
      if (!(error instanceof SimdgresError)) throw error
      progress.note(`The server is deployed and loaded again: ${firstLine(error.message)}`)
      await this.#arm.close(progress)
      this.#arm = await experiment.prepare(await this.#context.describeArm())
      this.cost.deployments++
      this.#present = {}
      if (!isSameSetting(settings, {})) await this.#restart(settings)
    }
  }

  async #restart(settings: Settings): Promise<void> {
    const { arm } = this.#arm
    const start = performance.now()
    this.cost.restarts++
    try {
      await this.#arm.reconfigure({
        ...arm.settings,
        parameters: { ...arm.settings.parameters, ...settings },
      })
      this.#present = settings
    } finally {
      this.cost.restartMs += performance.now() - start
    }
  }
}

const firstLine = (text: string) => text.split('\n')[0]!
