import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { PreparedArm } from '../measure/arm.js'
import { describeMachine } from '../measure/environment.js'
import type { Corpus, Variant } from '../paths/search-path.js'
import type { Progress } from '../progress.js'
import { fingerprintOf } from '../result/fingerprint.js'
import type { GateResult } from '../result/gate-schema.js'
import { Journal } from '../result/journal.js'
import { hashProgram } from '../system/program-hash.js'
import { type ArmSpec, nameArm } from './arm-spec.js'
import type { ResolvedArm } from './arms.js'
import type { JudgedRow } from './builds.js'
import type { UnpairedRow } from './observe.js'

/** What one deployment of both arms has given; JSON. */
export interface Stage {
  readonly rows: readonly JudgedRow[]
  readonly unpaired: readonly UnpairedRow[]
  /** How its corpora were searched, by their names. */
  readonly variants: readonly (readonly [corpus: string, variants: readonly Variant[]])[]
  readonly environments: Readonly<Record<'base' | 'head', PreparedArm['environment']>>
  readonly dataset: NonNullable<GateResult['dataset']>
  readonly warnings: readonly string[]
}

/** Builds of one design have one name: they are searched in the same way. */
export function nameCorpus({ path, design }: Corpus): string {
  return JSON.stringify([path.id, design])
}

const entrySchema = z.object({
  stage: z.int(),
  outcome: z.custom<Stage>((value) => typeof value === 'object'),
})

/** The stages of a run that are over: a run that is killed in its second one has its first. */
export class StageJournal {
  readonly #key: string
  /** Missing where an equal run is going on. */
  readonly #journal: Journal | undefined
  readonly #known: ReadonlyMap<number, Stage>

  private constructor(key: string, journal: Journal | undefined) {
    this.#key = key
    this.#journal = journal
    const entries = (journal?.entries ?? []).map((entry) => entrySchema.parse(entry))
    this.#known = new Map(entries.map(({ stage, outcome }) => [stage, outcome]))
  }

  /** Of this request about these commits, measured by this program on this machine. */
  static async open(
    { base, head, ...request }: { readonly base: ArmSpec; readonly head: ArmSpec },
    resolved: Readonly<Record<'base' | 'head', ResolvedArm>>,
    progress: Progress,
  ): Promise<StageJournal> {
    const { node, commit: _, ...machine } = await describeMachine()
    const arms = [base, head].map(nameArm)
    const commits = [resolved.base.commit, resolved.head.commit]
    const program = [hashProgram(), node, fingerprintOf(machine)]
    const key = createHash('sha256')
      .update(JSON.stringify([request, arms, commits, program]))
      .digest('hex')
      .slice(0, 32)
    return new StageJournal(key, await Journal.open(`${key}-stages`, key, progress))
  }

  /** Names what is measured in a stage, so that it can be gone on with. */
  stageKey = (stage: 0 | 1): string => `${this.#key}-${stage}`

  /** What the stage has given, if it is over; else `measure` gives it. */
  async once(stage: 0 | 1, measure: () => Promise<Stage>): Promise<Stage> {
    const known = this.#known.get(stage)
    if (known !== undefined) return known
    const outcome = await measure()
    await this.#journal?.append({ stage, outcome })
    return outcome
  }

  async remove(): Promise<void> {
    await this.#journal?.remove()
  }
}
