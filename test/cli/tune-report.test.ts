import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderTuneHtml } from '#src/report/html/tune.js'
import { grid, searched } from '../unit/report/support/sample-tuning.js'
import {
  browserNote,
  expectQuiet,
  expectReadableCharts,
  isBrowserMissing,
  launchBrowser,
  openReport,
} from './support/browser.js'
import { listContrasts } from './support/report-page.js'

const reports = { grid, search: searched } as const
type Name = keyof typeof reports

describe.skipIf(isBrowserMissing)(`the report in a browser${browserNote}`, () => {
  let folder: string
  let browser: Browser
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simdgres-report-'))
    for (const [name, result] of Object.entries(reports)) {
      await writeFile(join(folder, `${name}.html`), await renderTuneHtml(result))
    }
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const open = (name: Name, width: number, colorScheme: 'light' | 'dark') =>
    openReport(browser, join(folder, `${name}.html`), width, colorScheme)

  test.each([
    ['grid', 390, 'dark'],
    ['grid', 1280, 'light'],
    ['search', 390, 'light'],
    ['search', 1280, 'dark'],
  ] as const)(
    'of a %s at %i pixels in %s asks for nothing, complains of nothing and fits',
    async (name, width, scheme) => {
      const report = await open(name, width, scheme)
      await expectQuiet(report)
      await report.page.close()
    },
  )

  test('shows every chart with its texts, each in its place and of a size that can be read', async () => {
    for (const [name, charts] of [
      ['grid', 6],
      ['search', 1],
    ] as const) {
      const report = await open(name, 390, 'light')
      expect(await expectReadableCharts(report)).toHaveLength(charts)
      await report.page.close()
    }
  })

  test('has texts that stand out from what is behind them, in light and in dark', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const { page } = await open('grid', 390, scheme)
      const [least] = await page.evaluate(listContrasts)
      expect(least, scheme).toBeGreaterThanOrEqual(4.5)
      await page.close()
    }
  })
})
