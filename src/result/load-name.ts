/** How queries were put to a path, as far as names tell it. */
export type NamedLoad =
  | { readonly kind: 'closed'; readonly clients: number }
  | { readonly kind: 'open'; readonly rate: number; readonly clients: number }

/** For messages and tables: nothing for one client that waits for its answers, which is the usual. */
export function nameLoad(load: NamedLoad): string {
  if (load.kind === 'open') return `at ${load.rate}/s`
  return load.clients === 1 ? '' : `with ${load.clients} clients`
}
