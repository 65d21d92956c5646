/**
 * The distances that neighbours can be ranked by, in the one list of them. `cosine` is the cosine distance, `ip` the
 * negative inner product. The order is that of `Metric` in native/node/vector_set.h.
 */
export const metrics = ['l2', 'cosine', 'ip', 'l1'] as const
/** The name of a distance. */
export type Metric = (typeof metrics)[number]
