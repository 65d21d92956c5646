// What the studies (scripts/*-study.mjs) have in common: a file of results, a line each, that goes on growing.
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The results in the file; none where there is none. A line that a killed run has not finished is none; the next run begins
 * another.
 * @template T
 * @param {string} file @param {{ parse(value: unknown): T }} schema
 * @returns {T[]}
 */
export function readRuns(file, schema) {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (text !== '' && !text.endsWith('\n')) appendFileSync(file, '\n')
  return text.split('\n').flatMap((line) => parseRun(line, schema))
}

/** @template T @param {string} line @param {{ parse(value: unknown): T }} schema */
function parseRun(line, schema) {
  if (line === '') return []
  try {
    return [schema.parse(JSON.parse(line))]
  } catch (error) {
    // A line that is whole and is no run is a mistake in the file.
    if (error instanceof SyntaxError) return []
    throw error
  }
}

/**
 * Runs `simdgres`, whose notes are of no interest here.
 * @param {readonly string[]} args
 * @returns {Promise<number | null>} its exit code.
 */
export function runSimdgres(args) {
  const cli = fileURLToPath(new URL('../../bin/simdgres.js', import.meta.url))
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  return new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
}

/**
 * Ends this process: a run that did not end well has to be looked at first.
 * @param {string} command @param {number | null} code @param {string} file
 * @returns {never}
 */
export function stopStudy(command, code, file) {
  console.error(
    `simdgres ${command} ended with ${code ?? 'a signal'}: correct that, then start the study again with ${file}`,
  )
  process.exit(code ?? 1)
}
