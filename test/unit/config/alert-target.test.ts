import { describe, expect, test } from 'vitest'
import { addAlertTarget, readAlertTarget } from '#src/config/alert-target.js'
import { loadComposeFile } from '#src/config/compose-file.js'
import { composePath } from '#src/config/stack.js'

const compose = loadComposeFile(composePath, { STACK_DIR: '/srv/stack' })
const url = 'https://alerts.example.org/hook?token=secret'

describe('where alerts go', () => {
  test('with an address, Alertmanager gets out, and nothing else of the monitoring', () => {
    const { services } = addAlertTarget(compose, { ALERT_WEBHOOK_URL: url })
    const outside = Object.entries(services).filter(([, { networks }]) => 'edge' in networks)
    expect(outside.map(([name]) => name)).toEqual(['pgbouncer', 'alertmanager'])
    expect(services['alertmanager']!.profiles).toEqual(['monitoring'])
    expect(services['prometheus']!.environment['ALERTMANAGER']).toBe('alertmanager:9093')
    // It may hold a token, and the engine shows environments.
    expect(JSON.stringify(services)).not.toContain('secret"')
    expect(JSON.stringify(services)).not.toContain('example.org')
  })

  test('without one, no Alertmanager is started, and Prometheus looks for none', () => {
    const { services } = addAlertTarget(compose, {})
    expect(services['alertmanager']!.profiles).not.toContain('monitoring')
    expect(services['prometheus']!.environment).not.toHaveProperty('ALERTMANAGER')
  })

  test.each(['example.org/hook', 'ftp://example.org', 'nothing'])(
    '%j is refused, and not repeated',
    (text) => {
      expect(() => readAlertTarget({ ALERT_WEBHOOK_URL: text })).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARGUMENT',
          message: expect.not.stringContaining(text) as string,
        }),
      )
    },
  )
})
