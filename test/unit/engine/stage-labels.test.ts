import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dockerFolder } from '#src/config/stack.js'
import { labelStages, stageLabel } from '#src/engine/images/stage-labels.js'

test('each stage that no other is made from ends with its name, and all else stays', () => {
  const dockerfile = readFileSync(join(dockerFolder, 'Dockerfile'), 'utf8')
  const labelled = labelStages(dockerfile)
  const isLabel = (line: string): boolean => line.startsWith(`LABEL ${stageLabel}=`)
  const lines = labelled.split('\n')
  expect(lines.filter((line) => line !== '' && !isLabel(line))).toEqual(
    dockerfile.split('\n').filter((line) => line !== ''),
  )
  const names = lines.filter(isLabel).map((line) => /"(.*)"/.exec(line)?.[1])
  expect(names.slice(0, 3)).toEqual(['postgres-builder', 'backup', 'pgbouncer'])
  const stages = dockerfile.split('\n').filter((line) => line.startsWith('FROM '))
  expect(names).toHaveLength(stages.length - 2)
})
