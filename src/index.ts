/** The library's public contract: everything else is private and may change in any version. */

export {
  CachedSearch,
  type CachedSearchOptions,
  type CacheStats,
  type SearchRequest,
} from './cache/cached-search.js'
export type { RedisSettings } from './cache/result-store.js'
export type { SearchHits } from './cache/search-hits.js'
export { type Queryable, TableVersions, type TableVersionsOptions } from './cache/table-versions.js'
export type { Dataset, GroundTruth, Matrix } from './datasets/dataset.js'
export { type ErrorCode, errorCodes, SimdgresError } from './errors.js'
export { type BenchResult, resultSchema } from './result/schema.js'
export type { BuildListener, BuildProgress } from './vectors/build-set.js'
export {
  type Capabilities,
  capabilities,
  type Isa,
  isas,
  measureReadBandwidth,
} from './vectors/capabilities.js'
export { cosine, dot, hamming, jaccard, l1, l2sq, type NumericDistance, norm } from './vectors/distances.js'
export { type Metric, metrics } from './vectors/metric.js'
export {
  type RadiusSearchOptions,
  type RadiusSearchResult,
  type ScopeOptions,
  type SearchOptions,
  type SearchResult,
  type SearchStats,
  type SyncRadiusSearchOptions,
  type SyncSearchOptions,
  VectorSet,
  type VectorSetBuildOptions,
  type VectorSetOpenOptions,
  type VectorSetOptions,
} from './vectors/vector-set.js'
