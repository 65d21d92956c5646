import { expect, test } from 'vitest'
import {
  joinServerParameters,
  listServerParameters,
  requireAllowedParameters,
} from '#src/config/server-parameters.js'

test('parameters of the server are told from other settings, with dots in their names', () => {
  const listed = listServerParameters({
    POSTGRES_MEMORY: '4g',
    POSTGRES_PARAMETER_max_wal_size: '8GB',
    POSTGRES_PARAMETER_pgaudit__log: 'role, ddl',
    POSTGRES_PARAMETER_empty: '',
  })
  expect(joinServerParameters(listed)).toBe('max_wal_size=8GB\npgaudit.log=role, ddl')
  expect(() => requireAllowedParameters(listed)).not.toThrow()
})

test.each(['fsync', 'archive_command', 'ssl_cert_file', 'SYNCHRONOUS_COMMIT', 'max_connections'])(
  '%s is refused, with the variable and the reason',
  (name) => {
    const listed = listServerParameters({ [`POSTGRES_PARAMETER_${name}`]: 'x' })
    expect(() => requireAllowedParameters(listed)).toThrow(
      new RegExp(
        `^POSTGRES_PARAMETER_${name}: the parameter ${name.toLowerCase()} cannot be set here: [a-z]`,
      ),
    )
  },
)
