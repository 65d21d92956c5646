import { fstatSync } from 'node:fs'
import type { NamedPath } from '../../result/result-file.js'
import { resolveOutput } from '../../system/output.js'

/** Where a table for people goes: stdout, or stderr where one of `paths` is stdout. */
export async function chooseTableStream(paths: readonly (string | undefined)[]): Promise<NodeJS.WriteStream> {
  const toStdout = await Promise.all(paths.map(isStdout))
  return toStdout.includes(true) ? process.stderr : process.stdout
}

/**
 * The table as an output that no other one may share. A terminal can show both. A file that the shell has opened would be
 * replaced, and the table lost with the old one.
 */
export function nameTable(table: NodeJS.WriteStream): NamedPath[] {
  const isFile = table === process.stdout && fstatSync(process.stdout.fd).isFile()
  return isFile ? [{ option: 'the table on stdout', path: '-' }] : []
}

async function isStdout(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  const output = await resolveOutput(path)
  return output.kind === 'descriptor' && output.descriptor === 1
}

/** How wide a table may be there, and whether it may have colours. */
export function describeStream(stream: NodeJS.WriteStream): { width: number; color: boolean } {
  const isTerminal = stream.isTTY === true
  // https://no-color.org: any value but the empty one switches colours off.
  const color = isTerminal && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
  return { width: isTerminal ? stream.columns : Number.POSITIVE_INFINITY, color }
}
