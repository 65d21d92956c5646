/**
 * The distances in which neighbours are ranked, and their only list. `cosine` is the cosine distance, `ip` the negative
 * inner product. Indexes are those of `Metric` in native/node/vector_set.h.
 */
export const metrics = ['l2', 'cosine', 'ip', 'l1'] as const
/** The name of a distance. */
export type Metric = (typeof metrics)[number]
