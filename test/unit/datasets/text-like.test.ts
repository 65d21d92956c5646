import { expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { parseSynthetic } from '#src/datasets/synthetic.js'
import { TextLikeRows } from '#src/datasets/text-like.js'
import { VectorSet } from '#src/vectors/vector-set.js'

/** Variances of the principal components, as the generator's own comment gives them. */
const spectrumOf = (dims: number) => Array.from({ length: dims }, (_, i) => 1 / (i + 18) ** 2)
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

test('its name has a seed and nothing else', () => {
  expect(parseSynthetic('synthetic-1000x64-text-s7')).toMatchObject({
    rows: 1000,
    dims: 64,
    isTextLike: true,
    seed: 7,
  })
  expect(() => parseSynthetic('synthetic-1000x64-text-i8')).toThrow(/synthetic-1000x64-text-i8/)
})

test('the same name gives the same bits on every machine, and a smaller set is the beginning of a larger', async () => {
  const dataset = await loadDataset('synthetic-500x48-text-s3', { queries: 20 })
  expect(dataset.sha256).toBe('09ee6972bf4f30cc5e47aa4b830b20d06e425bf1635046f114620a32c5360593')
  const part = await loadDataset('synthetic-100x48-text-s3', { queries: 20 })
  expect(part.base.data).toEqual(dataset.base.data.subarray(0, 100 * 48))
})

test('most of the variance is in 64 of 512 components, as in text embeddings', () => {
  const spectrum = spectrumOf(512)
  for (const [components, share] of [
    [32, 0.63],
    [64, 0.81],
    [128, 0.91],
    [256, 0.96],
  ] as const) {
    expect(Math.abs(sum(spectrum.slice(0, components)) / sum(spectrum) - share)).toBeLessThan(0.04)
  }
})

test.each([512, 768, 100, 3, 1])(
  '%d numbers have that spectrum, and none of them stands for a component',
  (dims) => {
    const rows = 2000
    const data = new Float32Array(rows * dims)
    const source = new TextLikeRows(dims, 5)
    for (let row = 0; row < rows; row++) source.write(row, data, row * dims)
    const variances = Array.from({ length: dims }, (_, i) => {
      return sum(Array.from({ length: rows }, (_, row) => data[row * dims + i]! ** 2)) / rows
    })
    expect(sum(variances) / dims).toBeCloseTo(1, 0)
    if (dims >= 100) {
      expect(Math.min(...variances)).toBeGreaterThan(0.25)
      // The first component has 30 to 50 times the mean variance.
      expect(Math.max(...variances)).toBeLessThan(6)
    }
    // Of independent rows the mean squared inner product is the sum of the squared variances of the components.
    const products = Array.from({ length: rows / 2 }, (_, pair) => {
      const [a, b] = [2 * pair * dims, (2 * pair + 1) * dims]
      return sum(Array.from({ length: dims }, (_, i) => data[a + i]! * data[b + i]!)) ** 2
    })
    const spectrum = spectrumOf(dims)
    const scale = dims / sum(spectrum)
    const expected = sum(spectrum.map((variance) => (variance * scale) ** 2))
    expect(sum(products) / products.length / expected).toBeGreaterThan(0.8)
    expect(sum(products) / products.length / expected).toBeLessThan(1.25)
  },
)

test('as many rows are left by the first codes as of text embeddings: 4 % of a hundred thousand, more of fewer', async () => {
  const { base, queries } = await loadDataset('synthetic-20000x512-text', { queries: 50 })
  const set = await VectorSet.build(base.data, { dims: 512, metric: 'l2', codes: 'levels' })
  const left = Array.from({ length: queries.rows }, (_, row) => {
    return set.searchSync(queries.data.subarray(row * 512, (row + 1) * 512), { k: 10 }).stats.level2
  })
  const share = sum(left) / left.length / base.rows
  expect(share).toBeGreaterThan(0.05)
  expect(share).toBeLessThan(0.12)
})
