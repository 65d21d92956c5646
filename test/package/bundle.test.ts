import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
// vitest brings it.
import { build } from 'rolldown'
import { afterAll, describe, expect, test } from 'vitest'
import { packageRoot } from '#src/system/cache-folder.js'

/** An application that a bundler has put into one file, far from the package. */
const folder = mkdtempSync(join(tmpdir(), 'simdgres-bundle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const addonPath = join(packageRoot, 'build', 'Release', 'simdgres.node')
const program = `
import { dot } from '${join(packageRoot, 'dist', 'index.js')}'
try {
  console.log(dot(new Float32Array([2]), new Float32Array([3])))
} catch (error) {
  console.log(error.code, error.hint)
}`

async function bundle(format: 'esm' | 'cjs', define: Record<string, string>): Promise<string> {
  const input = join(folder, 'application.mjs')
  writeFileSync(input, program)
  mkdirSync(join(folder, 'out', 'sub'), { recursive: true })
  const file = join(folder, 'out', 'sub', format === 'esm' ? 'application.mjs' : 'application.cjs')
  await build({
    input,
    platform: 'node',
    transform: { define },
    output: { file, format, codeSplitting: false },
    logLevel: 'silent',
  })
  return file
}

async function run(file: string, addon: string): Promise<string> {
  const env = { ...process.env, SIMDGRES_ADDON: addon }
  return (await promisify(execFile)(process.execPath, [file], { cwd: folder, env })).stdout
}

// esbuild leaves nothing of import.meta in CommonJS.
describe.each([
  ['esm', {}],
  ['cjs', { 'import.meta.url': 'undefined' }],
] as const)('a bundle as %s', (format, define) => {
  test('loads, and says what to tell the bundler', async () => {
    const said = await run(await bundle(format, define), '')
    expect(said).toMatch(/^ERR_UNAVAILABLE .*--external:simdgres.*SIMDGRES_ADDON/)
  })

  test('searches with the addon it is told', async () => {
    expect(await run(await bundle(format, define), addonPath)).toBe('6\n')
  })
})
