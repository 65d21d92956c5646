import type { CapacityEstimate, CapacityResult, GrowthRun } from '../result/capacity-schema.js'
import { listAssumptions } from './assumptions.js'
import { type CapacityRequest, estimateCapacity, fitLaws } from './estimate.js'

export type PlannedCapacity = CapacityResult & { readonly estimate: CapacityEstimate }

/** What the rows need, from a growth run. @throws as estimateCapacity does. */
export function planCapacity(growth: GrowthRun, request: CapacityRequest): PlannedCapacity {
  const estimate = estimateCapacity(growth, request)
  const assumptions = listAssumptions(growth, request, fitLaws(growth), estimate.beyond)
  return { schema: 'simdgres.capacity/1', growth, request, estimate, assumptions }
}

/** A measurement from which nothing was estimated. */
export function keepMeasurement(growth: GrowthRun, request: CapacityRequest): CapacityResult {
  return { schema: 'simdgres.capacity/1', growth, request, assumptions: [] }
}
