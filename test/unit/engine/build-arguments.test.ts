import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dockerFolder } from '#src/config/stack.js'
import { findUsedArguments } from '#src/engine/images/build-arguments.js'

const dockerfile = readFileSync(join(dockerFolder, 'Dockerfile'), 'utf8')
const ofServer = ['BASE_IMAGE', 'PG_MAJOR', 'SIMDGRES_WERROR', 'VERSION']

test.each([
  ['postgres', ofServer],
  ['backup', ofServer],
  // The same image whatever the server's version is: an upgrade is no reason to make the pool anew.
  ['pgbouncer', ['BASE_IMAGE', 'VERSION']],
  ['prometheus', ['BASE_IMAGE', 'VERSION']],
])('%s depends on these build arguments alone', (target, expected) => {
  expect([...findUsedArguments(dockerfile, target)].sort()).toEqual(expected)
})
