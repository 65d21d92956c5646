import { SimdgresError } from '../errors.js'
import type { GateMetric, GateResult } from '../result/gate-schema.js'
import type { Plant } from './planted-change.js'

/**
 * Every row of a spoiled path is worse in that metric, and at least one has to be called so; no other metric may.
 * @throws ERR_CHECK_FAILED where what was planted was not seen, or something else was.
 */
export function requireSeen(
  { metrics, verdict, reason }: Pick<GateResult, 'metrics' | 'verdict' | 'reason'>,
  planted: readonly Plant[],
): void {
  const worse = metrics.filter(({ outcome }) => outcome === 'regressed')
  const isOf = ({ subject, metric }: GateMetric, plant: Plant) =>
    subject.split(' ')[0] === plant.pathId && metric === plant.metric
  const missed = planted.find((plant) => !worse.some((metric) => isOf(metric, plant)))
  const wrong = worse.find((metric) => !planted.some((plant) => isOf(metric, plant)))
  if (missed === undefined && wrong === undefined) return
  const said = `the verdict is ${verdict}${reason === undefined ? '' : ` (${reason})`}`
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    missed === undefined
      ? `${wrong!.subject} ${wrong!.metric} is called worse, and nothing was done to it: ${said}`
      : `${describePlant(missed)} was not seen: ${said}`,
    'Try again on a quieter machine, with a longer --budget, or with more --builds; if it stays so, please report it.',
  )
}

const describePlant = ({ pathId, metric, share }: Plant) =>
  metric === 'time'
    ? `The delay of ${share * 100} % in ${pathId}`
    : `The loss of ${share * 100} points of recall in ${pathId}`
