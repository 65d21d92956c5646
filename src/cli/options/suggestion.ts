/** Edits per letter that still count as a slip. Two swapped letters are two edits. */
const slipsPerLetter = 0.4

/** The known name nearest to what was typed, if it is near enough to be a slip. */
export function findNearestName(typed: string, known: readonly string[]): string | undefined {
  const limit = Math.ceil(typed.length * slipsPerLetter)
  const ranked = known
    .map((name) => ({ name, distance: editDistance(typed, name) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
  return ranked[0]?.name
}

/** Levenshtein's distance, one row of the matrix at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
