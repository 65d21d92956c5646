const quote = 0x22
const minus = 0x2d
const dot = 0x2e
const zero = 0x30
const nine = 0x39
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Up to this many digits, a decimal mantissa and a power of ten are exact in float64 and their quotient rounds once. */
const exactDigits = 15
const powersOfTen = Array.from({ length: exactDigits + 1 }, (_, exponent) => 10 ** exponent)

/**
 * Reads arrays of numbers out of a JSON text that arrives in pieces, without holding the text: V8 cannot hold a string
 * of more than 512 MiB, and JSON.parse would keep all arrays in memory as well. It is made for one shape,
 * `{ ..., "vectors": { "word": [numbers], ... }, ... }`: every array at depth three is a row, and everything else is
 * skipped. It checks no other syntax.
 */
export class NumberRows {
  readonly #row: Float64Array
  readonly #onRow: (row: Float64Array, length: number) => void
  #length = 0
  #depth = 0
  #inString = false
  #escaped = false
  /** A number that was cut off by the end of the last piece. */
  #carry: Uint8Array = new Uint8Array(0)

  /** `onRow` gets the same buffer every time, and how many numbers the row had. Those past `maxLength` are dropped. */
  constructor(maxLength: number, onRow: (row: Float64Array, length: number) => void) {
    this.#row = new Float64Array(maxLength)
    this.#onRow = onRow
  }

  push(piece: Uint8Array): void {
    const bytes = this.#carry.length === 0 ? piece : Buffer.concat([this.#carry, piece])
    this.#carry = new Uint8Array(0)
    let at = 0
    while (at < bytes.length) {
      if (this.#inString) at = this.#skipString(bytes, at)
      else if (this.#depth === 3 && isNumberStart(bytes[at]!)) at = this.#readNumber(bytes, at)
      else this.#readMark(bytes[at++]!)
    }
  }

  #skipString(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length) {
      const byte = bytes[at++]
      if (this.#escaped) this.#escaped = false
      else if (byte === backslash) this.#escaped = true
      else if (byte === quote) {
        this.#inString = false
        break
      }
    }
    return at
  }

  #readMark(byte: number): void {
    if (byte === quote) this.#inString = true
    else if (byte === openBracket || byte === openBrace) {
      this.#depth++
      this.#length = 0
    } else if (byte === closeBracket || byte === closeBrace) {
      if (this.#depth === 3 && byte === closeBracket) this.#onRow(this.#row, this.#length)
      this.#depth--
    }
  }

  #readNumber(bytes: Uint8Array, start: number): number {
    let end = start + 1
    while (end < bytes.length && isNumberPart(bytes[end]!)) end++
    if (end === bytes.length) this.#carry = bytes.slice(start)
    // A store past the end of a typed array is ignored.
    else this.#row[this.#length++] = parseDecimal(bytes, start, end)
    return end
  }
}

function isNumberStart(byte: number): boolean {
  return byte === minus || (byte >= zero && byte <= nine)
}

/** Digits, signs, dot and exponent: everything that can occur inside a JSON number. */
function isNumberPart(byte: number): boolean {
  return (
    (byte >= zero && byte <= nine) ||
    byte === dot ||
    byte === minus ||
    byte === 0x2b ||
    (byte | 0x20) === 0x65
  )
}

/** The same value as `Number` gives for the text, but short decimals, as embeddings have them, need no string. */
function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let mantissa = 0
  let decimals = -1
  const negative = bytes[start] === minus
  for (let at = negative ? start + 1 : start; at < end; at++) {
    const byte = bytes[at]!
    if (byte === dot) decimals = 0
    else if (byte < zero || byte > nine)
      return Number(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
    else {
      mantissa = mantissa * 10 + (byte - zero)
      if (decimals >= 0) decimals++
    }
  }
  if (end - start > exactDigits) return Number(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
  const value = decimals > 0 ? mantissa / powersOfTen[decimals]! : mantissa
  return negative ? -value : value
}
