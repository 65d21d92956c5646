/** Three significant digits, with thousands separators and without an exponent: 0.0523, 5.23, 1,230. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  const rounded = Number(value.toPrecision(3))
  return rounded.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** Four decimals, rounded down: a recall that is not 1 never reads as 1. */
export function formatRecall(value: number): string {
  return (Math.floor(value * 10_000 + 1e-9) / 10_000).toFixed(4)
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${formatNumber(bytes / 1000 ** power)} ${units[power]}`
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${formatNumber(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 100) return `${formatNumber(seconds)} s`
  return `${Math.floor(Math.round(seconds) / 60)} min ${Math.round(seconds) % 60} s`
}

export function formatCount(value: number): string {
  return value.toLocaleString('en-US')
}

/** Half the width of an interval, as a share of the estimate. */
export function formatMargin(value: number, [low, high]: readonly [number, number]): string {
  const percent = ((high - low) / 2 / value) * 100
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`
}
