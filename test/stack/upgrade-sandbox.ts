import { expect } from 'vitest'
import { ensureMajorImage } from '#src/stack/upgrade/new-server.js'
import { limits } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'

export const logical = { ...limits, toMajor: '18', method: 'logical' as const }

export const sequences = `SELECT schemaname, sequencename, last_value FROM pg_sequences
                          WHERE schemaname = 'special' ORDER BY 2`
/** What each index is, and what is said about it, with the index of the whole table where it is that of a partition. */
export const indexes = `
  SELECT i.indexrelid::regclass, pg_get_indexdef(i.indexrelid), i.indisvalid, obj_description(i.indexrelid, 'pg_class'),
    (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = i.indexrelid),
    (SELECT string_agg(attstattarget::text, ' ') FROM pg_attribute WHERE attrelid = i.indexrelid AND attstattarget >= 0)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE nspname IN ('enhanced_learning', 'special') ORDER BY i.indexrelid::regclass::text`
export const identity = `SELECT relreplident FROM pg_class WHERE relname = 'Without key'`

/** A stack with all that an upgrade has to take care of, and an archive of its log. */
export async function createUpgradeSandbox(): Promise<StackSandbox> {
  const sandbox = await StackSandbox.create()
  await sandbox.up({ settings: { POSTGRES_PARAMETER_checkpoint_timeout: '20min' } })
  const stack = await sandbox.open()
  await ensureMajorImage(stack, '18')
  const archive = ['pgbackrest', '--stanza=simdgres', '--no-online', 'stanza-create']
  expect(await stack.exec('postgres', archive)).toMatchObject({ exitCode: 0 })
  await stack.query(`
    SELECT enhanced_learning.load_sample_events(3000, now() - interval '20 days');
    CREATE ROLE reader LOGIN PASSWORD 'of the test';
    GRANT app TO reader;
    CREATE SCHEMA special AUTHORIZATION app;
    CREATE TABLE special."Without key" (a integer, b text);
    INSERT INTO special."Without key" SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
    CREATE SEQUENCE special.never_used START 7;
    CREATE SEQUENCE special.downwards INCREMENT -5 MINVALUE -1000000 MAXVALUE 0 START 0;
    SELECT nextval('special.downwards'), nextval('special.downwards');
    CREATE MATERIALIZED VIEW special.totals AS SELECT count(*) AS n FROM special."Without key";
    CREATE MATERIALIZED VIEW special.a_double AS SELECT n * 2 AS n FROM special.totals;
    CREATE MATERIALIZED VIEW special.later AS SELECT 1 AS n WITH NO DATA;
    CREATE TABLE special.docs (id integer PRIMARY KEY, e vector(3), changed timestamptz);
    CREATE FUNCTION special.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed := now(); RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON special.docs FOR EACH ROW
      WHEN (OLD.e IS DISTINCT FROM NEW.e) EXECUTE FUNCTION special.touch();
    INSERT INTO special.docs VALUES (1, '[1,2,3]');
    CREATE INDEX near ON special.docs USING hnsw (e vector_l2_ops) WITH (m = 8);
    CREATE INDEX kinds ON enhanced_learning.shadowgit_events ((lower(kind)));
    COMMENT ON INDEX enhanced_learning.kinds IS 'of a table with partitions';
    ALTER INDEX enhanced_learning.kinds ALTER COLUMN 1 SET STATISTICS 500;
    ALTER SCHEMA special OWNER TO app;
    ALTER TABLE special."Without key" OWNER TO app;
    ALTER DATABASE claude_agents_auth SET work_mem = '5MB';
    COMMENT ON DATABASE claude_agents_auth IS 'kept'`)
  return sandbox
}

type Rows = readonly (readonly (string | null)[])[]

export interface UpgradeQuestions {
  /** As the superuser. @param service by default the primary. */
  readonly ask: (sql: string, service?: string) => Promise<Rows>
  /** Of the server that the pool goes to. */
  readonly readMajor: () => Promise<string>
  /** Roles with their verifiers and memberships, rights on databases and schemas, extensions. */
  readonly surroundings: () => Promise<readonly Rows[]>
}

/** @param find the stack to ask, which is made after the tests are declared. */
export function questionsTo(find: () => StackSandbox): UpgradeQuestions {
  const ask = async (sql: string, service?: string) =>
    (await find().open()).query(sql, service === undefined ? {} : { service })
  const readMajor = async (): Promise<string> => {
    const [row] = await find().query("SELECT current_setting('server_version_num')::integer / 10000 AS major")
    return String(row!['major'])
  }
  const surroundings = async (): Promise<readonly Rows[]> => [
    await ask(
      'SELECT rolname, rolsuper, rolcanlogin, rolconnlimit, rolpassword FROM pg_authid WHERE oid >= 16384 ORDER BY 1',
    ),
    await ask(
      "SELECT datname, datconnlimit, pg_get_userbyid(datdba), shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1",
    ),
    await ask('SELECT extname FROM pg_extension ORDER BY 1'),
    await ask(
      "SELECT has_database_privilege('pooler', current_database(), 'CONNECT'), pg_has_role('reader', 'app', 'MEMBER'), pg_has_role('replication', 'pg_read_all_data', 'MEMBER')",
    ),
  ]
  return { ask, readMajor, surroundings }
}
