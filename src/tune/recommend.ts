import { isShownFaster } from '../report/tune-search.js'
import type { Recommendation, TuneComparison } from '../result/tune-schema.js'
import type { Candidate } from './candidates.js'
import type { Settings } from './points.js'

/**
 * The finalist that was faster on both fresh deployments, by the highest lower bound of its speed-up. Where none was, the
 * present setting stays: a difference that cannot be shown is none to act on.
 */
export function recommend(
  comparisons: readonly TuneComparison[],
  start: Candidate,
  present: Settings,
): Recommendation {
  const [winner] = comparisons.filter(isShownFaster).sort((a, b) => b.ci95[0] - a.ci95[0])
  if (winner === undefined) return { isChange: false, settings: [] }
  const before: Record<string, unknown> = { ...start.design, ...start.server, ...start.session }
  const changed = Object.entries({ ...winner.design, ...winner.server, ...winner.session }).filter(
    ([name, value]) => String(before[name] ?? present[name] ?? '') !== String(value),
  )
  const settings = changed.map(([name, value]) => ({
    name,
    present: String(before[name] ?? present[name] ?? 'its own'),
    recommended: String(value),
  }))
  const path = { name: 'path', present: start.path, recommended: winner.path }
  const all = winner.path === start.path ? settings : [path, ...settings]
  const [first] = all
  const { speedUp, ci95 } = winner
  return {
    isChange: true,
    winner: winner.name,
    // What several changes are worth together says nothing of each.
    settings: all.length === 1 ? [{ ...first!, speedUp, ci95 }] : all,
  }
}
