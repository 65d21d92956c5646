-- What the roles may do in the application's database. Run by set-roles.sh.

-- Nobody may connect anywhere unless it is granted here.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_catalog.pg_database WHERE datallowconn
\gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO app, pooler, monitor, backup', current_database())
\gexec
SELECT format('GRANT TEMPORARY ON DATABASE %I TO app', current_database())
\gexec
GRANT CONNECT ON DATABASE postgres TO backup;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- The application's own place: first in its search_path, which begins with "$user".
CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION app;

-- PgBouncer asks for the verifier of the role that logs in. pooler can call this and read nothing else; superusers
-- and the replication role have no business in a pool.
CREATE SCHEMA IF NOT EXISTS pooler;
REVOKE ALL ON SCHEMA pooler FROM PUBLIC;
GRANT USAGE ON SCHEMA pooler TO pooler;
CREATE OR REPLACE FUNCTION pooler.find_user(wanted text, OUT name text, OUT verifier text)
  RETURNS SETOF record LANGUAGE sql STABLE STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT rolname, rolpassword FROM pg_catalog.pg_authid
  WHERE rolname = wanted AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
    AND (rolvaliduntil IS NULL OR rolvaliduntil > now());
END;
REVOKE ALL ON FUNCTION pooler.find_user FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pooler.find_user TO pooler;

GRANT pg_monitor TO monitor;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE EXTENSION IF NOT EXISTS pgaudit;

GRANT pg_read_all_data, pg_read_all_settings, pg_checkpoint TO backup;
\ir set-backup-rights.sql
