#!/usr/bin/env node
// Says where the time of a run of all tests went: `node test/where-time-goes.mjs RESULTS.json`, the file of vitest's json
// reporter. Two files run at a time, so the sum is about twice the time that passed.
import { existsSync, readFileSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const shownFiles = 20
const shownTests = 10

const [file] = process.argv.slice(2)
if (file === undefined || !existsSync(file)) {
  console.log('no results: the tests did not run to their end')
} else {
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'))
  const root = fileURLToPath(new URL('.', import.meta.url))
  /** @type {{ name: string, seconds: number }[]} */
  const files = testResults.map(({ name, startTime, endTime }) => ({
    name: relative(root, resolve(name)),
    seconds: (endTime - startTime) / 1000,
  }))
  const folders = new Map()
  for (const { name, seconds } of files) {
    const folder = name.split(sep)[0]
    folders.set(folder, (folders.get(folder) ?? 0) + seconds)
  }
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, duration }) => ({
      name: `${relative(root, resolve(name))}: ${fullName}`,
      seconds: (duration ?? 0) / 1000,
    })),
  )
  print(
    `of ${folders.size} folders`,
    [...folders].map(([name, seconds]) => ({ name, seconds })),
    folders.size,
  )
  print('of the longest files', files, shownFiles)
  print('of the longest tests', tests, shownTests)
}

/** @param {string} title @param {{ name: string, seconds: number }[]} rows @param {number} most */
function print(title, rows, most) {
  console.log(`seconds ${title}:`)
  for (const { name, seconds } of rows.sort((a, b) => b.seconds - a.seconds).slice(0, most)) {
    console.log(`${seconds.toFixed(0).padStart(6)}  ${name}`)
  }
}
