/** Numbers that a seed decides: uniform ones in [0, 1), whole ones below a count, and picks from a list. */
export function createRandom(seed) {
  let state = seed | 0
  function random() {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count) => Math.floor(random() * count)
  return { random, below, pick: (list) => list[below(list.length)] }
}
