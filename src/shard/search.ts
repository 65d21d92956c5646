import { escapeLiteral as literal, escapeIdentifier as quote } from 'pg'
import { metricOperators } from '../paths/server/metric-operators.js'
import type { Metric } from '../vectors/metric.js'
import { serverName } from './address.js'
import type { Source } from './source.js'

export interface PlanOptions {
  readonly metric: Metric
  readonly where?: string
  /** Name of the search function; `search_<table>` if left out. */
  readonly name?: string
  readonly partial: boolean
  /** Rows of one transaction. */
  readonly batch: number
}

/** SQLSTATEs of postgres_fdw for a server that is not reached, or went away. */
const isAway = "SQLSTATE '08001' OR SQLSTATE '08006'"

/** The functions of a search over all shards; `query` and `k` are their parameters. */
export function createSearches(source: Source, shards: number, options: PlanOptions): string[] {
  const { table, idType, vectorSchema } = source
  const room = quote(`${table}_shards`)
  const name = options.name ?? `search_${table}`
  const type = `${quote(vectorSchema)}.${baseType(source)}`
  const head = (suffix: string, more = '') =>
    `CREATE OR REPLACE FUNCTION ${room}.${quote(name + suffix)}(query ${type}, k int)
RETURNS TABLE (id ${idType}, distance float8${more}) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS `
  const hint = `Start that server again (its address: \\des+), then repeat the search${options.partial ? `; ${name}_partial answers without it` : '; apply with --partial makes a function that answers without it'}.`
  const whole = `
#variable_conflict use_column
BEGIN
  RETURN QUERY ${searchAll(source, shards, options, 'query', 'k')};
EXCEPTION WHEN ${isAway} THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = 'a shard is away: ' || SQLERRM, HINT = ${literal(hint)};
END`
  const statements = [head('') + literal(whole)]
  if (options.partial)
    statements.push(head('_partial', ', away text[]') + literal(partialBody(source, shards, options)))
  return statements
}

function baseType({ columns, vector }: Source): string {
  return columns.find(({ name }) => name === vector)!.type.includes('halfvec') ? 'halfvec' : 'vector'
}

function searchOne(
  { table, id, vector, vectorSchema }: Source,
  number: number,
  options: PlanOptions,
  query: string,
  k: string,
) {
  const distance = `t.${quote(vector)} OPERATOR(${quote(vectorSchema)}.${metricOperators[options.metric].operator}) ${query}`
  const where = options.where === undefined ? '' : ` WHERE (${options.where}\n)`
  return `(SELECT t.${quote(id)} AS id, ${distance} AS distance FROM ${quote(`${table}_shards`)}.${quote(`${table}_${number}`)} AS t${where} ORDER BY ${distance}, t.${quote(id)} LIMIT ${k})`
}

/**
 * The statement of a search. OFFSET 0 keeps the outer order from the inside: for a sorted union the planner merges, and a
 * merge waits for one shard after the other. The functions plan each call anew: only a LIMIT that the planner knows goes to the
 * shards, and only then are they asked at once.
 */
export function searchAll(
  source: Source,
  shards: number,
  options: PlanOptions,
  query: string,
  k: string,
): string {
  const parts = Array.from({ length: shards }, (_, i) => searchOne(source, i + 1, options, query, k))
  return `SELECT s.id, s.distance FROM (SELECT * FROM (${parts.join('\n    UNION ALL ')}) AS u OFFSET 0) AS s ORDER BY s.distance, s.id LIMIT ${k}`
}

function partialBody(source: Source, shards: number, options: PlanOptions): string {
  const parts = Array.from({ length: shards }, (_, i) => {
    const name = literal(serverName(source.table, i + 1))
    return `  BEGIN
    SELECT ids_ || coalesce(array_agg(s.id), '{}'), distances_ || coalesce(array_agg(s.distance), '{}') INTO ids_, distances_
    FROM ${searchOne(source, i + 1, options, 'query', 'k')} AS s;
  EXCEPTION WHEN ${isAway} THEN
    away_ := away_ || ${name}::text;
    RAISE NOTICE 'shard % is away, its rows are missing: %', ${name}, SQLERRM;
  END;`
  })
  return `
#variable_conflict use_column
DECLARE ids_ ${source.idType}[] := '{}'; distances_ float8[] := '{}'; away_ text[] := '{}';
BEGIN
${parts.join('\n')}
  RETURN QUERY SELECT s.id, s.distance, away_ FROM unnest(ids_, distances_) AS s (id, distance) ORDER BY s.distance, s.id LIMIT k;
END`
}
