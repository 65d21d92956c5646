import { expect, test } from 'vitest'
import { findPackageTime } from '#src/engine/images/fresh-base.js'
import { judgeImages } from '#src/stack/checks/status-images.js'

const day = 24 * 3600
const installed = Date.parse('2026-01-01T12:00:00Z')
const seconds = installed / 1000

test.each([
  [
    'the classic builder',
    '|1 PG_MAJOR=17 /bin/sh -c sh /tmp/install-server.sh "17" && rm /tmp/install-server.sh',
  ],
  [
    'BuildKit',
    'RUN /bin/sh -c sh /tmp/install-packages.sh redis 997 redis-server && rm /tmp/install-packages.sh # buildkit',
  ],
])('packages are as old as the step that installed them, not as the image: %s', (_, step) => {
  const history = [
    {
      CreatedBy: 'COPY docker/install-packages.sh /tmp/install-packages.sh # buildkit',
      Created: seconds + 40 * day,
    },
    {
      CreatedBy: '/bin/sh -c #(nop) COPY file:1234 in /tmp/install-packages.sh ',
      Created: seconds + 40 * day,
    },
    { CreatedBy: step, Created: seconds },
    { CreatedBy: '', Created: seconds - 90 * day },
  ]
  expect(findPackageTime(history)).toBe(installed)
  expect(findPackageTime(history.filter(({ CreatedBy }) => CreatedBy !== step))).toBeUndefined()
})

test('the oldest image is named, and is a warning after 45 days', () => {
  const times = new Map([
    ['postgres', installed + 10 * day * 1000],
    ['redis', installed],
  ])
  const judge = (days: number) => judgeImages(times, installed + days * day * 1000)
  expect(judge(44)).toMatchObject({
    severity: 'ok',
    message: 'packages of redis are of 2026-01-01, 44 days old',
  })
  expect(judge(45)).toMatchObject({
    severity: 'warning',
    hint: expect.stringContaining('simdgres up --rebuild') as string,
  })
})
