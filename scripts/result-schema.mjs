// Writes the JSON Schemas in docs/ from the zod schemas of the code. A test fails if it was forgotten.
import { writeFileSync } from 'node:fs'
import { buildDist } from './setup/build.mjs'

await buildDist()
const { describeAdviceSchema, describeResultSchema, describeTuneSchema } = await import(
  '../dist/result/json-schema.js'
)
writeFileSync(new URL('../docs/result.schema.json', import.meta.url), describeResultSchema())
writeFileSync(new URL('../docs/tune.schema.json', import.meta.url), describeTuneSchema())
writeFileSync(new URL('../docs/advise.schema.json', import.meta.url), describeAdviceSchema())
const { describeGateFileSchema } = await import('../dist/gate/gate-file.js')
writeFileSync(new URL('../docs/simdgres.schema.json', import.meta.url), describeGateFileSchema())
