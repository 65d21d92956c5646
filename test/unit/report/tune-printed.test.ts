import { describe, expect, test } from 'vitest'
import { renderTuneHtml } from '#src/report/html/tune.js'
import { renderTuneMarkdown } from '#src/report/markdown/tune.js'
import { renderTune } from '#src/report/text/tune.js'
import { renderTunedEnv, renderTunedSql } from '#src/report/tuned-settings.js'
import type { TuneComparison, TuneResult } from '#src/result/tune-schema.js'
import type { Candidate } from '#src/tune/candidates.js'
import { recommend } from '#src/tune/recommend.js'

const start: Candidate = {
  ...{ name: 'present', path: 'pgvector-exact' },
  ...{ design: { storage: 'external' }, server: {}, session: {} },
}

const finalist = (name: string, more: Partial<TuneComparison>): TuneComparison => ({
  ...{ name, path: 'pgvector-exact', design: { storage: 'plain' }, server: {}, session: {}, variant: {} },
  ...{ clients: 1, blocks: 32, speedUp: 7.89, ci95: [7.77, 7.99], outcome: 'improved' },
  ...more,
})

/** Numbers of one result that nothing else in a report can be. */
function resultOf(confirmation: TuneComparison[]): TuneResult {
  return {
    ...{ schema: 'simdgres.tune/1', mode: 'search', isComplete: true, seed: 1, durationMs: 60_000 },
    ...{ recallTarget: 0.95, goal: 'qps', knobs: [], points: [], effects: [], importance: [], warnings: [] },
    dataset: { name: 'glove-100', rows: 341_000, dims: 100, metric: 'cosine', k: 10 },
    environment: { cpu: 'A Processor', cores: 2, target: 'docker', postgres: '17.2' },
    stages: [
      {
        ...{ stage: 'design', incumbent: 'present' },
        challengers: [
          { name: 'in a race', speedUp: 5.55, ci95: [5.44, 5.66], blocks: 16, fate: 'won' },
          { name: 'slower', speedUp: 0.55, ci95: [0.44, 0.66], blocks: 6, fate: 'slower' },
          { name: 'open', speedUp: 1.05, ci95: [0.83, 1.33], blocks: 6, fate: 'left behind' },
        ],
      },
    ],
    confirmation,
    recommendation: recommend(confirmation, start, {}),
    cost: { deployments: 1, restarts: 3, restartMs: 30_000, measureMs: 30_000, measurements: 8 },
  } as unknown as TuneResult
}

/** Everything that a person reads. */
async function renderAll(result: TuneResult): Promise<Record<string, string>> {
  return {
    terminal: renderTune(result),
    markdown: renderTuneMarkdown(result),
    html: await renderTuneHtml(result),
    env: renderTunedEnv(result),
    sql: renderTunedSql(result),
  }
}

const raceNumbers = ['5.55', '5.44', '5.66']
const numbers = ['7.89', '7.77', '7.99']

describe('a number that is printed as better than what is there', () => {
  test('is that of fresh servers, with a lower bound above 1, over 16 blocks: nothing of a race', async () => {
    const all = await renderAll(resultOf([finalist('winner', {})]))
    for (const [report, text] of Object.entries(all)) {
      for (const number of numbers) expect(text, report).toContain(number)
      for (const number of raceNumbers) expect(text, report).not.toContain(number)
    }
    // What is not better, or open, is said with its numbers.
    for (const text of [all['terminal'], all['markdown'], all['html']]) {
      expect(text).toContain('0.55 (0.44 to 0.66)')
      expect(text).toContain('1.05 (0.83 to 1.33)')
    }
  })

  test.each<[why: string, more: Partial<TuneComparison>]>([
    ['of too few blocks', { blocks: 15 }],
    ['that the second deployment has not confirmed', { outcome: 'inconclusive', reason: 'Too noisy.' }],
    ['too small to count', { outcome: 'ok' }],
  ])('is not one %s', async (_why, more) => {
    for (const [report, text] of Object.entries(await renderAll(resultOf([finalist('winner', more)])))) {
      for (const number of [...numbers, ...raceNumbers]) expect(text, report).not.toContain(number)
    }
  })
})
