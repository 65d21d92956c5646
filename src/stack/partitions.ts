import { SimdgresError } from '../errors.js'
import { type Finding, ok, warning } from './checks/finding.js'
import type { Stack } from './stack.js'

/** Months that are made ahead. */
const wantedMonths = 12
/** A stack that nobody brings up for ten months is told so two months before rows have no partition. */
const leastMonths = 2

const events = 'enhanced_learning.shadowgit_events'

/**
 * Whether there is such a table; of the months after this one, how many have a partition without a gap; whether rows have
 * none. In one statement, which costs a tenth of the command that carries it: hence a query inside of a query, the one
 * way to name a table that may not be there.
 */
const state = `
SELECT to_regclass('${events}') IS NOT NULL,
  (SELECT coalesce(min(step) - 1, ${wantedMonths}) FROM generate_series(1, ${wantedMonths}) AS step
   WHERE to_regclass('${events}_' || to_char(date_trunc('month', now() AT TIME ZONE 'UTC')
     + step * interval '1 month', 'YYYY_MM')) IS NULL),
  CASE WHEN to_regclass('${events}_default') IS NOT NULL THEN
    query_to_xml('SELECT FROM ${events}_default LIMIT 1', true, true, '')::text LIKE '%row%' ELSE false END`

/** It waits for whoever reads the default partition, a backup for one, and writers wait behind it: not for long. */
const makeAhead = `SET lock_timeout = '5s';
SELECT enhanced_learning.make_partitions((now() AT TIME ZONE 'UTC' - interval '1 month')::date, ${wantedMonths + 1})`

/** Whoever has no use for the schema may have dropped it. */
async function hasEvents(stack: Stack): Promise<boolean> {
  const [[found] = []] = await stack.query(`SELECT to_regclass('${events}') IS NOT NULL`)
  return found === 't'
}

/** Makes the partitions of the year ahead that are missing; usually none, which takes milliseconds. */
export async function makePartitionsAhead(stack: Stack): Promise<void> {
  if (!(await hasEvents(stack))) return
  try {
    const [[made] = []] = await stack.query(makeAhead)
    if (Number(made) > 0) stack.progress.note(`made ${made} partitions of ${events}`)
  } catch (error) {
    if (!(error instanceof SimdgresError) || !error.message.includes('lock timeout')) throw error
    stack.progress.note(`made no partitions of ${events}: it is in use; the next simdgres up tries again`)
  }
}

export async function checkPartitions(stack: Stack): Promise<Finding[]> {
  const [[isThere, months, hasStrays] = []] = await stack.query(state)
  if (isThere !== 't') return []
  const check = 'partitions'
  const message = `${months} months ahead`
  if (hasStrays === 't') {
    return [
      warning(
        check,
        `${message}; rows of a month without one are in ${events}_default`,
        `simdgres psql --superuser: SELECT enhanced_learning.make_partitions('<the month>', 0) moves them`,
      ),
    ]
  }
  return [
    Number(months) < leastMonths ? warning(check, message, 'simdgres up makes them') : ok(check, message),
  ]
}
