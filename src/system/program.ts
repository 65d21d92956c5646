import { existsSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'

/** The path of a program on PATH; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => resolve(folder || '.', name)).find((path) => existsSync(path))
}
