// Writes docs/result.schema.json from the zod schema of result files. A test fails if it was forgotten.
import { writeFileSync } from 'node:fs'
import { buildDist } from './setup/build.mjs'

await buildDist()
const { describeResultSchema } = await import('../dist/result/json-schema.js')
writeFileSync(new URL('../docs/result.schema.json', import.meta.url), describeResultSchema())
