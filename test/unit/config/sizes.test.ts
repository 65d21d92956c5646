import { expect, test } from 'vitest'
import { parseByteSize } from '#src/config/byte-size.js'
import { parseDurationMs } from '#src/config/duration.js'

test.each([
  ['512m', 512 * 1024 ** 2],
  ['1gb', 1024 ** 3],
  ['1.5g', 1.5 * 1024 ** 3],
  ['64kB', 65_536],
  ['10B', 10],
  [4096, 4096],
  ['2TB', 2 * 1024 ** 4],
  ['4Gi', 4 * 1024 ** 3],
  ['512 MiB', 512 * 1024 ** 2],
])('%s is %d bytes', (text, bytes) => {
  expect(parseByteSize(text, 'size')).toBe(bytes)
})

test.each(['', 'm', '-1m', '1 gigabyte', '1e3', '1,5g', '0x10', '4i', '99999999999999t'])(
  '%j is no size',
  (text) => {
    expect(() => parseByteSize(text, 'shm_size')).toThrow(/for shm_size/)
  },
)

test.each([
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['2h', 7_200_000],
  ['500ms', 500],
  ['1.5s', 1500],
])('%s is %d ms', (text, durationMs) => {
  expect(parseDurationMs(text, 'interval')).toBe(durationMs)
})

test.each(['', '10', 's', '10 s', '1d', '-1s'])('%j is no duration', (text) => {
  expect(() => parseDurationMs(text, 'interval')).toThrow(/for interval/)
})
