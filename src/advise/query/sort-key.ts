/** pgvector's operators, and what the operator class of each is named after: `vector_l2_ops`. */
export const operatorFamilies: Readonly<Record<string, string>> = {
  '<->': 'l2',
  '<=>': 'cosine',
  '<#>': 'ip',
  '<+>': 'l1',
  '<~>': 'hamming',
  '<%>': 'jaccard',
}
const operators = Object.keys(operatorFamilies)

/** What a plan sorts by, as EXPLAIN (VERBOSE) writes it, taken to pieces. */
export interface SortKey {
  readonly operator: string
  /** Of the operator's two sides, that which names a column: `items.embedding`, `(items.embedding)::halfvec(64)`. */
  readonly columnSide: string
  readonly otherSide: string
  /** `items` and `embedding` of it. */
  readonly alias: string
  readonly column: string
  readonly hasCast: boolean
  /** What stands around the operator's expression; empty where nothing does. */
  readonly before: string
  readonly after: string
  readonly isDescending: boolean
}

/** @returns undefined for a key without an operator of pgvector, or with no column on either side of it. */
export function parseSortKey(key: string): SortKey | undefined {
  const isDescending = / DESC\b[^')]*$/.test(key)
  const text = unwrap(key.replace(/ (ASC|DESC)?( NULLS (FIRST|LAST))?$/, '').trim())
  const found = findOperator(text)
  if (found === undefined) return undefined
  const { start, end } = groupAround(text, found.at)
  const sides = [text.slice(start, found.at).trim(), text.slice(found.at + found.operator.length, end).trim()]
  const columnAt = sides.findIndex((side) => columnOf(side) !== undefined)
  if (columnAt === -1) return undefined
  const columnSide = sides[columnAt]!
  const { alias, column } = columnOf(columnSide)!
  return {
    ...{ operator: found.operator, columnSide, otherSide: sides[1 - columnAt]!, alias, column },
    hasCast: columnSide !== `${alias}.${column}`,
    ...{ before: trimOpening(text.slice(0, start)), after: trimClosing(text.slice(end)), isDescending },
  }
}

/** True where a smaller value of the whole is a larger distance, false for the other way round, undefined where it is not plain. */
export function isReversed({ before, after }: SortKey): boolean | undefined {
  if (before === '' && after === '') return false
  const number = /^\(?(\$\d+|'?\d+(\.\d+)?'?)\)?(::[\w ]+)?$/
  const [first, last] = [before.replace(/ [-+*]$/, ''), after.replace(/^[-+*/] /, '')]
  const isSum = (before === '' || number.test(first)) && (after === '' || number.test(last))
  if (isSum && before.endsWith('-') && before.length > 1) return true
  if (before === '-' && after === '') return true
  if (before === '' && /^\* '?\(?-\d/.test(after)) return true
  if (isSum) return false
  return undefined
}

/** The column as the index has it. */
export function plainColumn({ alias, column }: SortKey): string {
  return `${alias}.${column}`
}

/** Items that stand outside of quotes. */
function scan(text: string, visit: (at: number, depth: number) => boolean | undefined): void {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const quote = text[at]
    if (quote === "'" || quote === '"') {
      at = text.indexOf(quote, at + 1)
      if (at === -1) return
      continue
    }
    if (quote === ')') depth--
    if (visit(at, depth)) return
    if (quote === '(') depth++
  }
}

function unwrap(text: string): string {
  if (!text.startsWith('(')) return text
  let closing = -1
  scan(text, (at, depth) => {
    if (text[at] !== ')' || depth !== 0) return undefined
    closing = at
    return true
  })
  return closing === text.length - 1 ? unwrap(text.slice(1, -1).trim()) : text
}

function findOperator(text: string): { at: number; operator: string } | undefined {
  let found: { at: number; operator: string } | undefined
  scan(text, (at) => {
    const operator = operators.find((name) => text.startsWith(name, at))
    if (operator === undefined) return undefined
    found = { at, operator }
    return true
  })
  return found
}

/** Of the parentheses that the operator stands in, what is inside. */
function groupAround(text: string, position: number): { start: number; end: number } {
  const open: number[] = []
  let start = 0
  let end = text.length
  scan(text, (at) => {
    if (at === position) start = (open.at(-1) ?? -1) + 1
    if (text[at] === '(') open.push(at)
    if (text[at] !== ')') return undefined
    const opened = open.pop()
    if (at > position && opened === start - 1) {
      end = at
      return true
    }
    return undefined
  })
  return { start, end }
}

function columnOf(side: string): { alias: string; column: string } | undefined {
  const name = '(?:"(?:[^"]|"")+"|[\\w$]+)'
  const match = new RegExp(`^\\(*(${name})\\.(${name})\\)*(?:::[\\w ]+(?:\\(\\d+\\))?)*\\)*$`).exec(side)
  return match === null ? undefined : { alias: match[1]!, column: match[2]! }
}

const trimOpening = (text: string) =>
  text
    .trim()
    .replace(/(\s*\()+$/, '')
    .trim()
const trimClosing = (text: string) =>
  text
    .trim()
    .replace(/^(\)\s*)+/, '')
    .trim()
