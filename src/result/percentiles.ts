/** A percentile with fewer calls than this beyond it is a statement about those few, not about the path. */
const leastBeyond = 10

/** Calls from which on the p-th percentile stands in a result: 200 for p95, 1,000 for p99. */
export function leastCallsFor(p: number): number {
  return (leastBeyond * 100) / (100 - p)
}
