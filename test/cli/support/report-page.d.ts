/** What the page answers: the functions of report-page.js run in the browser, whose types are not those of Node. */
export interface Picture {
  readonly title: string
  readonly told: string
  readonly texts: readonly string[]
  readonly smallest: number
  readonly outside: readonly string[]
  readonly overlaps: readonly string[]
}
export function countScripts(): number
export function countCutTables(): number
export function listOverflows(): string[]
export function describePictures(): Picture[]
export function listContrasts(): number[]
