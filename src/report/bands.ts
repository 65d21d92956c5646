import { nameLoad } from '../result/load-name.js'
import type { Measurement } from '../result/schema.js'

/** From these recalls on; rows between two of them are about as accurate. */
const starts = [0.99, 0.95, 0.9, 0] as const

/**
 * Rows of one load and filter that are about as accurate stand together: the lightest load and the widest filter first, and in it
 * the most accurate.
 */
export function compareBands(a: Measurement, b: Measurement): number {
  return (
    arrivingOf(a) - arrivingOf(b) ||
    a.load.clients - b.load.clients ||
    passingOf(b) - passingOf(a) ||
    bandOf(a) - bandOf(b)
  )
}

/** Splits sorted rows. */
export function groupByBand(rows: readonly Measurement[]): Measurement[][] {
  const bands: Measurement[][] = []
  for (const row of rows) {
    const band = bands.at(-1)
    if (band === undefined || compareBands(band[0]!, row) !== 0) bands.push([row])
    else band.push(row)
  }
  return bands
}

/** What the rows of a band have in common. */
export function nameBand(row: Measurement): string {
  const { filter } = row.params
  const parts = [nameRecall(bandOf(row)), filter === undefined ? '' : `filter ${filter}`, nameLoad(row.load)]
  return parts.filter((part) => part !== '').join(', ')
}

function nameRecall(band: number): string {
  const [start, above] = [starts[band], starts[band - 1]]
  if (start === undefined) return 'no search'
  if (above === undefined) return `recall from ${start}`
  return start === 0 ? `recall below ${above}` : `recall ${start} to ${above}`
}

/** 0 for the most accurate. What searches nothing has no recall, and comes last. */
function bandOf({ recall }: Measurement): number {
  return recall === undefined ? starts.length : starts.findIndex((start) => recall.mean >= start)
}

/** Per cent; all rows, and what looks at none, before the filters. */
function passingOf({ params }: Measurement): number {
  return params['filter'] === undefined ? Number.MAX_VALUE : Number.parseFloat(String(params['filter']))
}

/** Per second; closed loops before open ones. */
function arrivingOf({ load }: Measurement): number {
  return load.kind === 'open' ? load.rate : 0
}
