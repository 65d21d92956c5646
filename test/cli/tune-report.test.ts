import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderTuneHtml } from '#src/report/html/tune.js'
import { grid, searched } from '../unit/report/support/sample-tuning.js'
import { countScripts, describePictures, listContrasts, listOverflows } from './support/report-page.js'

const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find((path) => existsSync(path))

const reports = { grid, search: searched } as const
type Name = keyof typeof reports

// In continuous integration there is one, or it fails.
const isSkipped = program === undefined && !process.env['CI']
describe.skipIf(isSkipped)(
  `the report in a browser${isSkipped ? ' (chromium is not installed)' : ''}`,
  () => {
    let folder: string
    let browser: Browser
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'simdgres-report-'))
      for (const [name, result] of Object.entries(reports)) {
        await writeFile(join(folder, `${name}.html`), await renderTuneHtml(result))
      }
      browser = await chromium.launch({
        ...(program !== undefined && { executablePath: program }),
        // As root, and in a container, Chromium has no sandbox and little shared memory.
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
      })
    })
    afterAll(async () => {
      await browser?.close()
      await rm(folder, { recursive: true, force: true })
    })

    /** Opens the report; what it asks for and complains of is collected. */
    async function open(name: Name, width: number, colorScheme: 'light' | 'dark') {
      const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme })
      const requests: string[] = []
      const complaints: string[] = []
      page.on('request', (request) => requests.push(request.url()))
      page.on('console', (message) => complaints.push(message.text()))
      page.on('pageerror', (error) => complaints.push(error.message))
      const url = pathToFileURL(join(folder, `${name}.html`)).href
      await page.goto(url)
      return { page, requests, complaints, url }
    }

    test.each([
      ['grid', 390, 'dark'],
      ['grid', 1280, 'light'],
      ['search', 390, 'light'],
      ['search', 1280, 'dark'],
    ] as const)(
      'of a %s at %i pixels in %s asks for nothing, complains of nothing and fits',
      async (name, width, scheme) => {
        const { page, requests, complaints, url } = await open(name, width, scheme)
        expect(requests).toEqual([url])
        expect(complaints).toEqual([])
        expect(await page.evaluate(countScripts)).toBe(0)
        expect(await page.evaluate(listOverflows)).toEqual([])
        await page.close()
      },
    )

    test('shows every chart with its texts, each in its place and of a size that can be read', async () => {
      for (const [name, charts] of [
        ['grid', 6],
        ['search', 1],
      ] as const) {
        const { page } = await open(name, 390, 'light')
        const pictures = await page.evaluate(describePictures)
        expect(pictures).toHaveLength(charts)
        for (const { title, told, texts, smallest, outside, overlaps } of pictures) {
          expect(title).not.toBe('')
          // What is drawn is told, number by number.
          const numbers = texts.flatMap((text) => text.match(/\d[\d.,]*/g) ?? [])
          expect(numbers.length, title).toBeGreaterThan(0)
          for (const number of numbers) expect(told, title).toContain(number)
          expect({ title, outside, overlaps }).toEqual({ title, outside: [], overlaps: [] })
          expect(smallest, title).toBeGreaterThanOrEqual(11)
        }
        await page.close()
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
  },
)
