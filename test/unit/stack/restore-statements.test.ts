import { expect, test } from 'vitest'
import { parseTargetTime } from '#src/stack/restore/point-in-time.js'
import { databaseStatements, missingRoleStatements } from '#src/stack/restore/statements.js'

const globals = `
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER LOGIN;
CREATE ROLE "odd Name";
ALTER ROLE "odd Name" WITH NOSUPERUSER NOLOGIN;
CREATE ROLE reports;
ALTER ROLE reports WITH NOSUPERUSER LOGIN;
ALTER ROLE reports_old WITH SUPERUSER;
GRANT pg_monitor TO app WITH INHERIT TRUE GRANTED BY admin;
GRANT pg_read_all_data TO reports WITH INHERIT TRUE GRANTED BY admin;
GRANT reports TO app;
`

test('makes the roles that are missing, with their memberships, and touches no other', () => {
  expect(missingRoleStatements(globals, new Set(['app', '"odd Name"']))).toEqual([
    'CREATE ROLE reports;',
    'ALTER ROLE reports WITH NOSUPERUSER LOGIN;',
    'GRANT pg_read_all_data TO reports WITH INHERIT TRUE GRANTED BY admin;',
  ])
  expect(missingRoleStatements(globals, new Set(['app', 'reports']))).toContain('CREATE ROLE "odd Name";')
  expect(missingRoleStatements(globals, new Set(['app', 'reports', '"odd Name"']))).toEqual([])
})

test('gives the properties of a database to one of another name', () => {
  const script = [
    'CREATE DATABASE shop WITH TEMPLATE = template0;',
    'ALTER DATABASE shop OWNER TO shop;',
    '\\connect shop',
    "ALTER DATABASE shop SET work_mem TO '5MB';",
    'GRANT CONNECT ON DATABASE shop TO shop_reader;',
    'GRANT CONNECT ON DATABASE shop_reader TO shop;',
  ].join('\n')
  expect(databaseStatements(script, '"shop"', '"shop $& new"').split('\n')).toEqual([
    'ALTER DATABASE "shop $& new" OWNER TO shop;',
    `ALTER DATABASE "shop $& new" SET work_mem TO '5MB';`,
    'GRANT CONNECT ON DATABASE "shop $& new" TO shop_reader;',
    'GRANT CONNECT ON DATABASE shop_reader TO shop;',
  ])
  expect(databaseStatements('ALTER DATABASE "Old Shop" RESET ALL;', '"Old Shop"', '"new"')).toBe(
    'ALTER DATABASE "new" RESET ALL;',
  )
})

test.each([
  ['2026-01-31T12:00:00Z', '2026-01-31 12:00:00+00'],
  ['2026-01-31 12:00:00.123456+05:30', '2026-01-31 12:00:00.123456+05:30'],
  ['2026-01-31 12:00:00-08', '2026-01-31 12:00:00-08'],
])('reads %s', (text, expected) => {
  expect(parseTargetTime(text)).toBe(expected)
})

test.each(['2026-01-31T12:00:00', 'yesterday', '2026-13-31T12:00:00Z', "2026-01-31T12:00:00Z'; x"])(
  'refuses %s, which is no time or has no zone',
  (text) => {
    expect(() => parseTargetTime(text)).toThrow(/a time with its zone/)
  },
)
