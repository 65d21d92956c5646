// The one list of rooms of src/ and the rules of what may import what; `npm run check` and the tests run it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * From the ground up: a room imports itself and rooms further up in this list, nothing below. A row is a folder with all
 * that no row of its own names, or one file.
 */
export const rooms = [
  'errors.ts',
  'progress.ts',
  'stats',
  'system',
  'datasets/store',
  'vectors',
  'datasets/dataset.ts',
  'datasets/readers',
  'datasets/sources',
  'datasets',
  'config',
  'engine',
  'cache',
  'targets/target.ts',
  'targets/connection.ts',
  'targets/cache-server.ts',
  'targets/deployment-hash.ts',
  'targets/page-cache.ts',
  'targets/refused-settings.ts',
  'targets/docker',
  'targets/local',
  'targets/url',
  'targets',
  'result',
  'paths/search-path.ts',
  'paths/server',
  'paths',
  // How two things are told apart, whoever asks: the gate does, and the tuner.
  'gate/evidence.ts',
  'gate/decide.ts',
  'measure',
  'report',
  'gate',
  'tune',
  'advise',
  'shard',
  'capacity',
  'manifest',
  'stack/services',
  'stack/secrets',
  'stack/server',
  'stack/pool/console.ts',
  'stack/pool/pool-file.ts',
  'stack/settings.ts',
  'stack/stack.ts',
  'stack/pool',
  'stack/application',
  'stack/passwords',
  'stack/sets',
  'stack/parameters',
  'stack/images',
  'stack/move',
  'stack/backup',
  'stack/restore',
  'stack/upgrade',
  'stack/checks/finding.ts',
  'stack/checks',
  'stack',
  'index.ts',
  'cli/options',
  'cli/terminal',
  'cli/commands',
  'cli',
]

/** Rooms that stand side by side and never import each other, though the list has to give them an order. */
export const neighbours = [
  ['targets/docker', 'targets/local', 'targets/url'],
  ['gate', 'tune', 'advise', 'shard', 'capacity', 'manifest'],
  ['stack/backup', 'stack/restore', 'stack/upgrade'],
]

/** Packages that one room alone imports; the others call that room. */
export const owners = new Map([['dockerode', 'engine']])

/** Rooms that may import nothing of ours at all. */
export const alone = ['errors.ts', 'progress.ts', 'stats']

/**
 * @param {string} text
 * @returns {string[]} what it imports, for its types alone or on demand as well: relative modules, and packages with an owner.
 */
export function readImports(text) {
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g)]
    .map(([, target]) => target)
    .filter((target) => target.startsWith('.') || owners.has(target))
}

/** @param {string} file from src/ @returns {string} */
export function roomOf(file) {
  const found = rooms
    .filter((room) => file === room || file.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0]
  return found ?? ''
}

/**
 * @param {ReadonlyMap<string, readonly string[]>} imports by file, both from src/.
 * @returns {string[]} each import that breaks a rule, as a sentence.
 */
export function findBreaches(imports) {
  const faces = [...imports.keys()].filter((file) => /^[^/]+\/index\.ts$/.test(file)).map(dirname)
  const breaches = []
  for (const [file, targets] of imports) {
    const room = roomOf(file)
    if (room === '') {
      breaches.push(`${file} is in no room of scripts/import-rules.mjs`)
      continue
    }
    for (const target of targets) {
      const how = `${file} imports ${target}`
      const other = owners.get(target) ?? roomOf(target)
      if (other === room) continue
      if (owners.has(target)) {
        breaches.push(`${how}: ${other} alone does`)
        continue
      }
      if (alone.includes(room)) breaches.push(`${how}: ${room} imports nothing of ours`)
      else if (rooms.indexOf(other) > rooms.indexOf(room)) {
        breaches.push(`${how}: ${room} stands above ${other} in the list`)
      } else if (neighbours.some((row) => row.includes(room) && row.includes(other))) {
        breaches.push(`${how}: ${room} and ${other} never import each other`)
      }
      const face = faces.find((name) => target.startsWith(`${name}/`) && !file.startsWith(`${name}/`))
      if (face && target !== `${face}/index.ts`)
        breaches.push(`${how}: ${face} is entered by its index.ts alone`)
    }
  }
  return [...breaches, ...findCircles(imports).map((circle) => `circle: ${circle.join(' -> ')}`)]
}

/**
 * @param {ReadonlyMap<string, readonly string[]>} imports
 * @returns {string[][]} one way around each circle that a walk of all files meets.
 */
function findCircles(imports) {
  const done = new Set()
  /** @type {string[]} */
  const way = []
  /** @type {string[][]} */
  const circles = []
  /** @param {string} file */
  const walk = (file) => {
    const start = way.indexOf(file)
    if (start !== -1) circles.push([...way.slice(start), file])
    if (start !== -1 || done.has(file)) return
    way.push(file)
    for (const target of imports.get(file) ?? []) walk(target)
    way.pop()
    done.add(file)
  }
  for (const file of imports.keys()) walk(file)
  return circles
}

/** @param {string} source absolute path of src/ @returns {Map<string, string[]>} imports by file, both from src/. */
export function readTree(source) {
  const imports = new Map()
  for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const targets = readImports(readFileSync(join(source, name), 'utf8')).map((target) => {
      if (owners.has(target)) return target
      const path = resolve(source, dirname(name), target).replace(/\.js$/, '.ts')
      if (!existsSync(path)) throw new Error(`src/${name} imports ${target}, which is not there`)
      return relative(source, path)
    })
    imports.set(name, targets)
  }
  return imports
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const breaches = findBreaches(readTree(fileURLToPath(new URL('../src', import.meta.url))))
  for (const breach of breaches) console.error(breach)
  if (breaches.length > 0) process.exitCode = 1
}
