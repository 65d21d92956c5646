import type { Metric } from '../../vectors/metric.js'

interface MetricOperators {
  /** pgvector's operator on `vector`. */
  readonly operator: string
  /** pgvector's operator classes; an index method that lacks the metric has none. */
  readonly operatorClasses: { readonly hnsw: string; readonly ivfflat?: string }
  /** What the extension's path orders by; `$1` is the query. */
  readonly extensionOrder: string
}

/** One row per metric: how each server-side path ranks by it. */
export const metricOperators: Readonly<Record<Metric, MetricOperators>> = {
  l2: {
    operator: '<->',
    operatorClasses: { hnsw: 'vector_l2_ops', ivfflat: 'vector_l2_ops' },
    extensionOrder: 'simd_l2_distance(embedding, $1::vector)',
  },
  cosine: {
    operator: '<=>',
    operatorClasses: { hnsw: 'vector_cosine_ops', ivfflat: 'vector_cosine_ops' },
    extensionOrder: 'simd_cosine_distance(embedding, $1::vector)',
  },
  ip: {
    operator: '<#>',
    operatorClasses: { hnsw: 'vector_ip_ops', ivfflat: 'vector_ip_ops' },
    extensionOrder: 'simd_inner_product(embedding, $1::vector) DESC',
  },
  l1: {
    operator: '<+>',
    operatorClasses: { hnsw: 'vector_l1_ops' },
    extensionOrder: 'simd_l1_distance(embedding, $1::vector)',
  },
}
