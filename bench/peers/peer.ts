/** Ids of the nearest rows of each query, nearest first. */
export type Found = readonly ArrayLike<number>[]

/** A library that searches rows for their cosine neighbours, in one thread. */
export interface Peer {
  readonly name: string
  /** Queries of one call: 1, or more where the library takes several at once. */
  search(queries: Float32Array<ArrayBuffer>, queryCount: number): Promise<Found>
  close?(): void
}

export interface PeerData {
  /** rows × dims values in an array of their own: usearch ignores the offset of views. */
  readonly base: Float32Array<ArrayBuffer>
  readonly rows: number
  readonly dims: number
  readonly k: number
}
