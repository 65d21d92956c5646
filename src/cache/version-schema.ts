import { invalidArgument } from '../errors.js'

/** Also the name of the trigger on every watched table. */
export const defaultSchema = 'simdgres_cache'

/** Names that need no quoting, because they are used inside function bodies. */
const plainName = /^[a-z_][a-z0-9_]{0,62}$/

/** One statement in this many looks for rows to fold. */
const foldEvery = 128
/** The pg_trigger.tgtype of AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ... FOR EACH STATEMENT. */
const triggerType = 4 + 8 + 16 + 32

/**
 * SQL that creates or updates everything that versions need. Send it as one simple query, so that it is one
 * transaction. The role needs CREATE on the database, or on the schema if that exists.
 * @throws ERR_INVALID_ARGUMENT for a name that would need quoting.
 */
export function createVersionSchema(schema: string): string {
  if (!plainName.test(schema)) {
    throw invalidArgument('schema', 'a name of lower-case letters, digits and underscores', schema)
  }
  return [tables(schema), noteChange(schema), tableVersion(schema), watchTable(schema)].join('\n')
}

/**
 * One row per statement that changed a table. These are rows instead of a counter so that writers never wait for each
 * other, and so that the version a snapshot sees covers exactly the transactions whose changes it sees. `stamp` is
 * random, so a version that was rolled back, or lost in a restore to an earlier time, never comes back.
 */
function tables(schema: string): string {
  return `
SELECT pg_advisory_xact_lock(hashtext('simdgres table versions'), hashtext('${schema}'));
DO $$ BEGIN IF to_regnamespace('${schema}') IS NULL THEN CREATE SCHEMA ${schema}; END IF; END $$;
CREATE TABLE IF NOT EXISTS ${schema}.table_change (
  relation regclass NOT NULL,
  changes bigint NOT NULL,
  stamp bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS table_change_relation ON ${schema}.table_change (relation) INCLUDE (changes, stamp);
-- Makes versions unguessable: they are the key of what is written to Redis.
CREATE TABLE IF NOT EXISTS ${schema}.cache_secret (
  value uuid NOT NULL,
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
INSERT INTO ${schema}.cache_secret (value) VALUES (gen_random_uuid()) ON CONFLICT DO NOTHING;
REVOKE ALL ON ${schema}.table_change, ${schema}.cache_secret FROM PUBLIC;`
}

/**
 * Folding replaces many rows by one with the same sum, and no snapshot can tell the difference. It skips rows that
 * another transaction is folding, so it never waits. Under stricter isolation it could fail, so it is not done there.
 */
function noteChange(schema: string): string {
  return `
CREATE OR REPLACE FUNCTION ${schema}.fold_changes(changed regclass) RETURNS void
  LANGUAGE sql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH folded AS (
    DELETE FROM ${schema}.table_change WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ${schema}.table_change WHERE relation = changed LIMIT 4096 FOR UPDATE SKIP LOCKED
    )) RETURNING changes, stamp
  )
  INSERT INTO ${schema}.table_change (relation, changes, stamp)
  SELECT changed, sum(changes), bit_xor(stamp) FROM folded HAVING count(*) > 0
$$;
REVOKE ALL ON FUNCTION ${schema}.fold_changes FROM PUBLIC;

CREATE OR REPLACE FUNCTION ${schema}.note_change() RETURNS trigger
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO ${schema}.table_change (relation, changes, stamp)
  VALUES (TG_RELID, 1, hashtextextended(gen_random_uuid()::text, 0));
  IF random() < 1.0 / ${foldEvery} AND current_setting('transaction_isolation') = 'read committed' THEN
    PERFORM ${schema}.fold_changes(TG_RELID);
  END IF;
  RETURN NULL;
END $$;`
}

/**
 * One hash over everything that changes with a table's contents: its statements, its partitions, its files (a rewrite by
 * ALTER TABLE fires no trigger) and its triggers (disabling and enabling one makes a new row version). NULL if a change
 * could go unnoticed: a partition without the trigger, a disabled trigger, a table that a subscription writes to (the
 * apply worker fires no statement triggers), or a transaction that has written and so sees what nobody else does.
 *
 * PL/pgSQL, because its plans are kept for the session; STABLE, so that every query in it sees the caller's snapshot.
 */
function tableVersion(schema: string): string {
  return `
CREATE OR REPLACE FUNCTION ${schema}.table_version(watched regclass) RETURNS bytea
  LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN RETURN NULL; END IF;
  RETURN (
    WITH RECURSIVE member AS (
      SELECT watched::oid AS relation
      UNION SELECT inhrelid FROM pg_inherits JOIN member ON inhparent = relation
    ), state AS (
      SELECT bool_and(pg_trigger.oid IS NOT NULL AND NOT EXISTS (
               SELECT FROM pg_subscription_rel WHERE srrelid = relation)) AS is_watched,
             string_agg(concat_ws(':', relation, relfilenode, pg_trigger.xmin), ',' ORDER BY relation) AS files
      FROM member JOIN pg_class ON pg_class.oid = relation
      LEFT JOIN pg_trigger ON tgrelid = relation AND tgfoid = '${schema}.note_change'::regproc
        AND tgenabled = 'A' AND tgtype = ${triggerType}
    ), change AS (
      SELECT sum(changes) AS changes, bit_xor(stamp) AS stamp FROM ${schema}.table_change
      WHERE relation IN (SELECT member.relation FROM member)
    )
    SELECT sha256(convert_to(concat_ws(' ', value, changes, stamp, files), 'UTF8'))
    FROM state, change, ${schema}.cache_secret WHERE is_watched AND changes > 0
  );
END $$;
REVOKE ALL ON FUNCTION ${schema}.table_version FROM PUBLIC;`
}

/** ALWAYS, so that it also fires in sessions with session_replication_role = replica. */
function watchTable(schema: string): string {
  const trigger = defaultSchema
  return `
CREATE OR REPLACE FUNCTION ${schema}.list_tables(root regclass) RETURNS SETOF regclass
  LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE member AS (
    SELECT root::oid AS relation
    UNION SELECT inhrelid FROM pg_inherits JOIN member ON inhparent = relation
  )
  SELECT relation::regclass FROM member
$$;

CREATE OR REPLACE FUNCTION ${schema}.watch_table(watched regclass) RETURNS void
  LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE member regclass;
BEGIN
  FOR member IN SELECT ${schema}.list_tables(watched) LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER ${trigger} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s'
      ' FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.note_change()', member);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER ${trigger}', member);
  END LOOP;
  INSERT INTO ${schema}.table_change (relation, changes, stamp)
  VALUES (watched, 1, hashtextextended(gen_random_uuid()::text, 0));
END $$;

CREATE OR REPLACE FUNCTION ${schema}.unwatch_table(watched regclass) RETURNS void
  LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE member regclass;
BEGIN
  FOR member IN SELECT ${schema}.list_tables(watched) LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS ${trigger} ON %s', member);
    DELETE FROM ${schema}.table_change WHERE relation = member;
  END LOOP;
END $$;`
}
