-- What a database holds, as one line of JSON: rows and hash of every table, values of sequences, versions of extensions,
-- materialized views. Recorded with each backup set under the dump's own snapshot, and asked again after a restore.
--
-- The hash of a table does not depend on the order of its rows: two sums of 64-bit hashes of all rows as text, with two
-- seeds. The settings fix what that text looks like. What is derived is left out, since a restore derives it anew:
-- materialized views, which may be older than their tables, and generated columns.
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET extra_float_digits = 1;
SET bytea_output = 'hex';
SET xmlbinary = 'base64';
SET lc_monetary = 'C';
SET search_path = pg_catalog;
-- A policy that hides rows is an error, as in pg_dump.
SET row_security = off;

WITH relation AS (
  SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name,
    -- Of a table with generated columns, the others.
    CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '') THEN
      (SELECT format('ROW(%s)', string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum)) FROM pg_attribute a
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') END AS own_columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    -- An extension makes its own tables when it is created.
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), table_state AS (
  -- The one way to run a statement that is put together by a query, inside a query.
  SELECT name, own_columns, query_to_xml(format(
    'SELECT count(*) AS row_count, '
    'coalesce(sum(hashtextextended(%1$s::text, 0)::numeric), 0) AS hash_a, '
    'coalesce(sum(hashtextextended(%1$s::text, 1)::numeric), 0) AS hash_b FROM ONLY %2$s AS t',
    coalesce(own_columns, 't'), name), true, true, '') AS state
  FROM relation WHERE relkind = 'r'
), sequence_state AS (
  SELECT name, query_to_xml(format('SELECT last_value, is_called FROM %s', name), true, true, '') AS state,
    s.seqincrement AS increment
  FROM relation JOIN pg_sequence s ON s.seqrelid = relation.oid WHERE relkind = 'S'
)
SELECT json_build_object(
  'schema', 'simdgres.backup/2',
  'database', current_database(),
  'takenAt', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'serverVersion', current_setting('server_version'),
  'encoding', (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()),
  'collate', (SELECT datcollate FROM pg_database WHERE datname = current_database()),
  'ctype', (SELECT datctype FROM pg_database WHERE datname = current_database()),
  -- Where an application finds names that have no schema; a restore looks for them there too.
  'searchPath', (SELECT string_agg(quote_ident(nspname), ', ' ORDER BY nspname <> 'app', nspname <> 'public', nspname)
    FROM pg_namespace n WHERE nspname IN ('app', 'public')
      OR nspname !~ '^pg_' AND EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid)),
  'extensions', (SELECT coalesce(json_object_agg(extname, extversion ORDER BY extname), '{}') FROM pg_extension),
  'tables', (SELECT coalesce(json_agg(json_build_object(
    'name', name,
    'rows', (xpath('/row/row_count/text()', state))[1]::text::bigint,
    'hash', (xpath('/row/hash_a/text()', state))[1]::text || '/' || (xpath('/row/hash_b/text()', state))[1]::text,
    'isPartial', own_columns IS NOT NULL
    ) ORDER BY name), '[]') FROM table_state),
  'materializedViews', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM relation WHERE relkind = 'm'),
  -- A sequence is outside of any snapshot: nextval may go on between this and the dump, so what is restored is at
  -- least as far.
  'sequences', (SELECT coalesce(json_agg(json_build_object(
    'name', name,
    'lastValue', (xpath('/row/last_value/text()', state))[1]::text,
    'isCalled', (xpath('/row/is_called/text()', state))[1]::text::boolean,
    'increment', increment) ORDER BY name), '[]') FROM sequence_state)
)::jsonb::text;
