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
  gains: ReadonlyMap<string, { readonly speedUp: number; readonly ci95: [number, number] }>,
): Recommendation {
  const [winner] = comparisons
    .filter(({ outcome, ci95 }) => outcome === 'improved' && ci95[0] > 1)
    .sort((a, b) => b.ci95[0] - a.ci95[0])
  if (winner === undefined) return { isChange: false, settings: [] }
  const before: Record<string, unknown> = { ...start.design, ...start.server, ...start.session }
  const changed = Object.entries({ ...winner.design, ...winner.server, ...winner.session }).filter(
    ([name, value]) => String(before[name] ?? present[name] ?? '') !== String(value),
  )
  const settings = changed.map(([name, value]) => ({
    name,
    present: String(before[name] ?? present[name] ?? 'its own'),
    recommended: String(value),
    ...gains.get(name),
  }))
  const path = { name: 'path', present: start.path, recommended: winner.path, ...gains.get('path') }
  return {
    isChange: true,
    winner: winner.name,
    settings: winner.path === start.path ? settings : [path, ...settings],
  }
}
