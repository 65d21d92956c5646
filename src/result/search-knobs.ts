/** Parameters of a row that trade recall for speed at each search; everything else about a row is built or fixed. */
export const searchKnobs = ['ef_search', 'probes', 'candidates'] as const
export type SearchKnob = (typeof searchKnobs)[number]

export const isSearchKnob = (name: string): name is SearchKnob =>
  (searchKnobs as readonly string[]).includes(name)
