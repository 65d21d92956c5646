import { expect, test } from 'vitest'
import { readHealth } from '#src/engine/health.js'
import { describeWithEngine, Sandbox } from './sandbox.js'

const never = new AbortController().signal
const nanosecondsPerSecond = 1e9

await describeWithEngine('a health check', () => {
  test('that hangs is given up after its time-out', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({
      change: (options) => {
        options.Entrypoint = ['sleep', '600']
        options.Cmd = []
        options.Healthcheck = {
          Test: ['CMD', 'sleep', '300'],
          Timeout: nanosecondsPerSecond,
          Interval: 3600 * nanosecondsPerSecond,
        }
      },
    })
    expect(await readHealth(container, 'box', never)).toBe('starting')
  }, 60_000)
})
