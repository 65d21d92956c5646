import type { Metric } from '../../vectors/metric.js'

interface MetricOperators {
  /** pgvector's operator on `vector` and `halfvec`. */
  readonly operator: string
  /** pgvector's operator classes, less the type's name before them; an index method that lacks the metric has none. */
  readonly operatorClasses: { readonly hnsw: string; readonly ivfflat?: string }
  /** What the extension's path orders by; `$1` is the query. */
  readonly extensionOrder: string
}

/** One row per metric: how each server-side path ranks by it. */
export const metricOperators: Readonly<Record<Metric, MetricOperators>> = {
  l2: {
    operator: '<->',
    operatorClasses: { hnsw: 'l2_ops', ivfflat: 'l2_ops' },
    extensionOrder: 'simd_l2_distance(embedding, $1::vector)',
  },
  cosine: {
    operator: '<=>',
    operatorClasses: { hnsw: 'cosine_ops', ivfflat: 'cosine_ops' },
    extensionOrder: 'simd_cosine_distance(embedding, $1::vector)',
  },
  ip: {
    operator: '<#>',
    operatorClasses: { hnsw: 'ip_ops', ivfflat: 'ip_ops' },
    extensionOrder: 'simd_inner_product(embedding, $1::vector) DESC',
  },
  l1: {
    operator: '<+>',
    operatorClasses: { hnsw: 'l1_ops' },
    extensionOrder: 'simd_l1_distance(embedding, $1::vector)',
  },
}
