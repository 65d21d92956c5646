import type { Corpus, Searcher } from '../paths/search-path.js'

/** The corpus, made slower by a share of the time that each search takes: what a gate has to see. */
export function delaySearches(corpus: Corpus, share: number): Corpus {
  return new Proxy(corpus, {
    get(target, name) {
      if (name === 'open') {
        return async (...args: Parameters<Corpus['open']>) => delaySearcher(await target.open(...args), share)
      }
      const own: unknown = Reflect.get(target, name)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

function delaySearcher(searcher: Searcher, share: number): Searcher {
  return {
    settings: searcher.settings,
    explain: (query) => searcher.explain(query),
    close: () => searcher.close(),
    async search(queries) {
      const start = performance.now()
      const hits = await searcher.search(queries)
      const end = performance.now() + (performance.now() - start) * share
      // A timer is a millisecond at least, which is more than many searches take.
      while (performance.now() < end);
      return hits
    },
  }
}
