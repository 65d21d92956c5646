import { studentQuantile } from '../stats/student-t.js'

/** A measured value at a number of rows. */
export interface Measured {
  readonly rows: number
  readonly value: number
}

/** What is expected at a number of rows: low and high are the 95 % interval. */
export interface Expected {
  readonly low: number
  readonly middle: number
  readonly high: number
}

/** How a value grows with the rows. */
export interface Growth {
  at(rows: number): Expected
  /** The middle, in words: `0.31 ms + 0.011 µs for each row`. */
  readonly terms: readonly Term[]
}

export interface Term {
  /** Power of the rows that it grows with. */
  readonly power: number
  readonly factor: number
}

/**
 * What grows with the rows of an exact search: the round trip does not, reading the first codes of all rows does, and of the
 * rows that these cannot rule out there are more, but fewer for each.
 */
export const exactSearchPowers = [0, 2 / 3, 1] as const
/** Of a build, of loading and of bytes: something fixed, and each row. */
export const linearPowers = [0, 1] as const

/** Two runs on one machine differ by as much, whatever their own intervals say (docs/benchmarks.md). */
const driftShare = 0.1
/** Of single powers: no search among more rows takes less time, and none of ours looks at a row twice. */
const singlePowers = [0, 1.2] as const
/** Of medians of one machine, before the points have said how much it is, and what that knowledge counts for. */
const usualNoise = 0.02
const usualDegrees = 2
/** Laws whose squared errors are within so many times of the least are possible as well. */
const comparable = 6
/** Of what each row adds the same to, as far as a caching disk and a growing file make that a power. */
const nearlyLinear = [0.9, 1.1] as const

/**
 * Fits sums of powers of the rows with factors that are not negative, to relative errors. The interval covers what the
 * residuals say, what the machine drifts by, and what a single power of the rows would give: two laws that the points cannot
 * tell apart are both possible.
 * @param points three or more.
 * @param powers of the terms; `one` for a single power that is fitted as well: approximate searches and the builds of graphs.
 */
export function fitGrowth(points: readonly Measured[], powers: readonly number[] | 'one'): Growth {
  const single = [fitPower(points, powers === linearPowers ? nearlyLinear : singlePowers)]
  const laws = (powers === 'one' ? [] : listLaws(points, powers)).sort((a, b) => a.error - b.error)
  const best = laws[0]?.terms ?? single
  const least = errorOf(best, points)
  const free = Math.max(0, points.length - (powers === 'one' ? 2 : powers.length))
  const noise = Math.sqrt((least + usualDegrees * usualNoise ** 2) / (free + usualDegrees))
  const reach = studentQuantile(free + usualDegrees) * noise
  const leverageAt = powers === 'one' ? leverageOfPower(points) : leverageOfTerms(points, powers)
  const possible = [
    single,
    ...laws.filter(({ error }) => error <= comparable * least).map(({ terms }) => terms),
  ]
  return {
    terms: best,
    at(rows) {
      const middle = evaluate(best, rows)
      const share = Math.hypot(driftShare, reach * leverageAt(rows, middle))
      const values = possible.map((terms) => evaluate(terms, rows))
      return {
        low: Math.min(middle / (1 + share), ...values),
        middle,
        high: Math.max(middle * (1 + share), ...values),
      }
    },
  }
}

/** How many times the relative error of one point an estimate has. */
type Leverage = (rows: number, value: number) => number

/** By least squares in logarithms. */
function leverageOfPower(points: readonly Measured[]): Leverage {
  const x = points.map((point) => Math.log(point.rows))
  const mean = average(x)
  const spread = x.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return (rows) => Math.sqrt(1 / points.length + (Math.log(rows) - mean) ** 2 / spread)
}

/** Of a sum of powers with all of its terms, whether or not the best one uses them. */
function leverageOfTerms(points: readonly Measured[], powers: readonly number[]): Leverage {
  const used = powers.slice(-Math.max(1, points.length - 1))
  const largest = points.at(-1)!
  const columns = (rows: number, value: number): number[] =>
    used.map((power) => ((rows / largest.rows) ** power * largest.value) / value)
  const product = productOf(points.map((point) => columns(point.rows, point.value)))
  const inverse = used.map((_, i) =>
    solve(
      product,
      used.map((__, j) => (i === j ? 1 : 0)),
    ),
  )
  return (rows, value) => {
    const target = columns(rows, value)
    const square = target.reduce(
      (sum, x, i) => sum + target.reduce((part, y, j) => part + x * y * (inverse[i]?.[j] ?? 0), 0),
      0,
    )
    return Math.sqrt(Math.max(0, square))
  }
}

/** Sum of squared relative errors. */
function errorOf(terms: readonly Term[], points: readonly Measured[]): number {
  return points.reduce((sum, { rows, value }) => sum + (evaluate(terms, rows) / value - 1) ** 2, 0)
}

function evaluate(terms: readonly Term[], rows: number): number {
  return terms.reduce((sum, { power, factor }) => sum + factor * rows ** power, 0)
}

function fitPower(points: readonly Measured[], [least, most]: readonly [number, number]): Term {
  const x = points.map(({ rows }) => Math.log(rows))
  const y = points.map(({ value }) => Math.log(value))
  const [meanX, meanY] = [average(x), average(y)]
  const spread = x.reduce((sum, v) => sum + (v - meanX) ** 2, 0)
  const free = x.reduce((sum, v, i) => sum + (v - meanX) * (y[i]! - meanY), 0) / spread
  const power = Math.min(most, Math.max(least, free))
  return { power, factor: Math.exp(meanY - power * meanX) }
}

const average = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length

/**
 * All choices of powers with the last one among them whose factors come out above 0. Whatever the points say, every row costs
 * something: it is read, or written.
 */
function listLaws(
  points: readonly Measured[],
  powers: readonly number[],
): { terms: Term[]; error: number }[] {
  const last = 2 ** (powers.length - 1)
  const laws: { terms: Term[]; error: number }[] = []
  for (let choice = last; choice < 2 * last; choice++) {
    const chosen = powers.filter((_, i) => (choice >> i) & 1)
    // Points that are met exactly would tell nothing of the error.
    if (chosen.length >= points.length) continue
    const factors = solveLeastSquares(
      points.map(({ rows, value }) => chosen.map((power) => rows ** power / value)),
    )
    if (factors?.every((factor) => factor > 0) !== true) continue
    const terms = chosen.map((power, i) => ({ power, factor: factors[i]! }))
    laws.push({ terms, error: errorOf(terms, points) })
  }
  return laws
}

/** Factors f with inputs · f nearest to 1; undefined where the inputs do not determine them. */
function solveLeastSquares(inputs: readonly (readonly number[])[]): number[] | undefined {
  // Columns of like size, so that the elimination keeps its digits.
  const scales = inputs[0]!.map((_, j) => Math.hypot(...inputs.map((row) => row[j]!)))
  const scaled = inputs.map((row) => row.map((value, j) => value / scales[j]!))
  const sums = scales.map((_, j) => scaled.reduce((sum, row) => sum + row[j]!, 0))
  return solve(productOf(scaled), sums)?.map((factor, j) => factor / scales[j]!)
}

/** Of the transposed rows with the rows. */
function productOf(rows: readonly (readonly number[])[]): number[][] {
  return rows[0]!.map((_, i) =>
    rows[0]!.map((__, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
  )
}

/** A symmetric, positive system, by elimination; undefined where it is singular. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | undefined {
  let rows = matrix.map((row, i) => [...row, right[i]!])
  const size = right.length
  for (let i = 0; i < size; i++) {
    const pivot = rows[i]!
    if (!(pivot[i]! > 1e-13 * matrix[i]![i]!)) return undefined
    rows = rows.map((row, other) =>
      other === i ? row : row.map((value, j) => value - (row[i]! / pivot[i]!) * pivot[j]!),
    )
  }
  return rows.map((row, i) => row[size]! / row[i]!)
}
