import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JudgedRow } from '#src/gate/builds.js'
import { decide, defaultPolicy } from '#src/gate/decide.js'
import { conclude } from '#src/gate/gate-result.js'
import { judgeRun } from '#src/gate/judge-run.js'
import { choosePlants } from '#src/gate/planted-change.js'
import { requireSeen } from '#src/gate/self-test.js'
import { Random } from '#src/stats/random.js'
import { packageRoot } from '#src/system/cache-folder.js'

const paths = ['null', 'addon-exact', 'pgvector-hnsw'] as const
const planted = choosePlants(paths)

/** What a stage of a self-test observes on a machine whose blocks scatter by 1 %, of a delay by `delay` and a loss by `loss`. */
function observe(seed: number, { delay, loss }: { delay: number; loss: number }): JudgedRow[] {
  const random = new Random(seed, 8)
  const blocks = (effect: number) => Array.from({ length: 16 }, () => effect + 0.01 * random.bell())
  const recalls = (mean: number) => Array.from({ length: 5 }, () => mean + 0.0005 * random.bell())
  const row = (pathId: string, settings: string, time: JudgedRow['time']): JudgedRow => ({
    ...{ key: `${pathId}${settings}`, subject: `${pathId}${settings}`, pathId, time, checks: [] },
  })
  return [
    row('null', '', blocks(0)),
    row('addon-exact', ' threads=1', blocks(Math.log1p(delay))),
    row('addon-exact', ' threads=2', blocks(Math.log1p(delay))),
    {
      ...row('pgvector-hnsw', ' ef_search=40', { by: 'build pair', effects: blocks(0).slice(0, 5) }),
      recall: { by: 'build', base: recalls(0.96), head: recalls(0.96 - loss), resolution: 1e-4 },
    },
  ]
}

async function selfTest(judge: typeof decide, seen = { delay: 0.05, loss: 0.01 }): Promise<void> {
  const run = await judgeRun(
    observe(1, seen),
    { controls: ['null'], policy: defaultPolicy },
    async (flagged) => observe(2, seen).filter(({ key }) => flagged.some((row) => row.key === key)),
    judge,
  )
  requireSeen({ metrics: [...run.metrics], ...conclude(run.metrics, [], run.verdicts) }, planted)
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-mutants-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** `decide` as it is compiled, with one place of it changed. */
async function mutate(name: string, place: string, by: string): Promise<typeof decide> {
  const source = await readFile(join(packageRoot, 'dist/gate/decide.js'), 'utf8')
  expect(source.split(place), `decide has no longer: ${place}`).toHaveLength(2)
  const here = pathToFileURL(join(packageRoot, 'dist/gate/')).href
  const mutant = source
    .replace(place, by)
    .replace(/^\/\/# sourceMappingURL=.*$/m, '')
    .replaceAll(/from '(\.[^']+)'/g, (_, path: string) => `from '${new URL(path, here).href}'`)
  const file = join(folder, `${name}.mjs`)
  await writeFile(file, mutant)
  return ((await import(/* @vite-ignore */ pathToFileURL(file).href)) as { decide: typeof decide }).decide
}

describe('a self-test', () => {
  test('passes with the judge that ships', () => selfTest(decide))

  test('passes with the compiled judge, of which the mutants are made', async () => {
    await selfTest(await mutate('none', 'isControl && ', 'isControl && true && '))
  })

  test.each([
    ['flags nothing', 'isFlagged: first[i].isSignificant', 'isFlagged: false'],
    ['confirms nothing', 'confirmation?.isSignificant ?? false', 'false'],
    ['is never sure', 'pAdjusted <= policy.alpha', 'pAdjusted < 0'],
    ['overlooks what matters', '.minimal,', '.minimal + 0.1,'],
    ['takes worse for better', "'regressed' : 'improved'", "'improved' : 'regressed'"],
    ['asks for no second stage', 'stages[1] === undefined,', 'false,'],
  ])('fails loudly with a judge that %s', async (name, place, by) => {
    const judge = await mutate(name.replaceAll(' ', '-'), place, by)
    await expect(selfTest(judge)).rejects.toMatchObject({
      code: 'ERR_CHECK_FAILED',
      message: expect.stringContaining('The delay of 5 % in addon-exact was not seen: the verdict is'),
    })
  })

  test('fails with a judge that calls everything worse', async () => {
    const judge: typeof decide = (samples, policy) =>
      decide(samples, policy).map((verdict) => ({
        ...verdict,
        outcome: 'regressed',
        needsConfirmation: false,
      }))
    await expect(selfTest(judge)).rejects.toMatchObject({
      code: 'ERR_CHECK_FAILED',
      message: expect.stringContaining('and nothing was done to it'),
    })
  })

  test('fails where the head was not made worse at all', async () => {
    await expect(selfTest(decide, { delay: 0, loss: 0.01 })).rejects.toThrow('was not seen')
    await expect(selfTest(decide, { delay: 0.05, loss: 0 })).rejects.toThrow(
      'The loss of 1 points of recall in pgvector-hnsw was not seen',
    )
  })
})
