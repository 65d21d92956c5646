import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import { expect } from 'vitest'
import { countScripts, describePictures, listOverflows } from './report-page.js'

const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find((path) => existsSync(path))

/** In continuous integration there is one, or its tests fail. */
export const isBrowserMissing = program === undefined && !process.env['CI']

/** Of a group of tests that are skipped without it. */
export const browserNote = isBrowserMissing ? ' (chromium is not installed)' : ''

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(program !== undefined && { executablePath: program }),
    // As root, and in a container, Chromium has no sandbox and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
}

/** Opens a report; what it asks for and complains of is collected. */
export async function openReport(
  browser: Browser,
  file: string,
  width: number,
  colorScheme: 'light' | 'dark',
) {
  const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme })
  const requests: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  const url = pathToFileURL(file).href
  await page.goto(url)
  return { page, requests, complaints, url }
}

export type OpenReport = Awaited<ReturnType<typeof openReport>>

/** It has no script, asks for nothing but itself, complains of nothing, and fits the window. */
export async function expectQuiet({ page, requests, complaints, url }: OpenReport): Promise<void> {
  expect(requests).toEqual([url])
  expect(complaints).toEqual([])
  expect(await page.evaluate(countScripts)).toBe(0)
  expect(await page.evaluate(listOverflows)).toEqual([])
}

/**
 * Each chart tells every number that it shows, in text that can be read and lies where it should.
 * @returns their titles.
 */
export async function expectReadableCharts({ page }: OpenReport): Promise<string[]> {
  const pictures = await page.evaluate(describePictures)
  for (const { title, told, texts, smallest, outside, overlaps } of pictures) {
    expect(title).not.toBe('')
    const numbers = texts.flatMap((text) => text.match(/\d[\d.,]*/g) ?? [])
    expect(numbers.length, title).toBeGreaterThan(0)
    for (const number of numbers) expect(told, title).toContain(number)
    expect({ title, outside, overlaps }).toEqual({ title, outside: [], overlaps: [] })
    expect(smallest, title).toBeGreaterThanOrEqual(11)
  }
  return pictures.map(({ title }) => title)
}
