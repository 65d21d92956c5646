/** Ids of the nearest rows of each query, nearest first. */
export type Found = readonly ArrayLike<number>[]

/** Of one call. */
export interface Answer {
  readonly found: Found
  /** ms of the search, where the peer takes it itself: one in another process has a way there and back that is not its own. */
  readonly ms?: number
  /** Bytes of vectors and codes that were read, where the library says so. */
  readonly bytes?: number
}

/** A library that searches rows for their neighbours, in one thread. */
export interface Peer {
  readonly name: string
  /** Queries of one call: 1, or more where the library takes several at once. */
  search(queries: Float32Array<ArrayBuffer>, queryCount: number): Promise<Answer>
  close?(): void
}

export interface PeerData {
  /** rows × dims values in an array of their own: usearch ignores the offset of views. */
  readonly base: Float32Array<ArrayBuffer>
  readonly rows: number
  readonly dims: number
  readonly metric: PeerMetric
  readonly k: number
}

/** Those that all of them have. */
export type PeerMetric = 'cosine' | 'l2'
