import { describe, expect, test } from 'vitest'
import { loadComposeFile } from '#src/config/compose-file.js'
import { addSecondRepository, describeSecondRepository } from '#src/config/second-repository.js'
import { composePath } from '#src/config/stack.js'

const values = { STACK_DIR: '/srv/stack', BACKUP_REPOSITORY2_PATH: '/mnt/other/backups' }
const compose = loadComposeFile(composePath, values)

describe('a second repository', () => {
  test('is seen by what writes backups and log, and by no other service', () => {
    const { services, secrets } = addSecondRepository(compose, values)
    const readers = Object.entries(services).filter(([, { volumes }]) =>
      volumes.some(({ source, target }) => source === '/mnt/other/backups' && target === '/repository2'),
    )
    expect(readers.map(([name]) => name)).toEqual(['postgres', 'backup'])
    for (const [, service] of readers) expect(service.secrets.at(-1)!.source).toBe('repository2.conf')
    expect(secrets['repository2.conf']).toEqual({ file: '/srv/stack/secrets/repository2.conf' })
  })

  test('leaves the compose file as it is where none is named', () => {
    expect(addSecondRepository(compose, { STACK_DIR: '/srv/stack' })).toBe(compose)
  })

  test.each(['backups', './backups', '/mnt/a:b'])('is refused at %j', (path) => {
    expect(() => addSecondRepository(compose, { ...values, BACKUP_REPOSITORY2_PATH: path })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  test('is always encrypted', () => {
    expect(describeSecondRepository('a-passphrase', '/mnt/backups')).toMatch(
      /^repo2-cipher-type=aes-256-cbc\nrepo2-cipher-pass=a-passphrase$/m,
    )
  })
})
