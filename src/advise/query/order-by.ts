/** Where an ORDER BY stands in a statement. */
export interface OrderBy {
  /** Of what is ordered by, behind the words. */
  readonly start: number
  readonly end: number
  /** Parentheses around it. */
  readonly depth: number
}

/** Each ORDER BY, outside of strings, quoted names and comments. */
export function findOrderBys(text: string): OrderBy[] {
  const found: OrderBy[] = []
  const open: { start: number; depth: number }[] = []
  const close = (depth: number, end: number) => {
    while (open.length > 0 && open.at(-1)!.depth >= depth) {
      const { start, depth: own } = open.pop()!
      found.push({ start, end: start + text.slice(start, end).trimEnd().length, depth: own })
    }
  }
  let depth = 0
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (token === '(') depth++
    else if (token === ')') close(depth--, index)
    else if (token === ';') close(0, index)
    else if (/^order/i.test(token)) {
      const start = index + token.length
      open.push({ start: start + /^\s*/.exec(text.slice(start))![0].length, depth })
    } else if (
      /^(limit|offset|fetch|for|union|intersect|except)$/i.test(token) &&
      open.at(-1)?.depth === depth
    ) {
      close(depth, index)
    }
  }
  close(0, text.length)
  return found
}

const tokens =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|[();]|\border\s+by\b|\b(?:limit|offset|fetch|for|union|intersect|except)\b/gi

/** The statement with another order, where it is plain which one is meant: that of a distance, or the outermost. */
export function replaceOrder(text: string, order: string): string | undefined {
  const all = findOrderBys(text)
  const ofDistance = all.filter(({ start, end }) => /<(->|=>|#>|\+>|~>|%>)/.test(text.slice(start, end)))
  const chosen = (ofDistance.length > 0 ? ofDistance : all).toSorted((a, b) => a.depth - b.depth)[0]
  return (
    chosen &&
    `${text.slice(0, chosen.start)}${order}${/^\w/.test(text.slice(chosen.end)) ? ' ' : ''}${text.slice(chosen.end)}`
  )
}

/** The statement with a LIMIT behind its innermost ORDER BY. */
export function limitInside(text: string): string | undefined {
  const inner = findOrderBys(text).toSorted((a, b) => b.depth - a.depth)[0]
  if (inner === undefined) return undefined
  const limit = /\blimit\s+(\$?\d+)/i.exec(text.slice(inner.end))?.[1] ?? '10'
  return `${text.slice(0, inner.end)} LIMIT ${limit}${text.slice(inner.end)}`
}
