-- Roles and passwords. Run by set-roles.sh.

-- The statements below hold passwords.
SET LOCAL log_statement = 'none';
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL pgaudit.log = 'none';

\set app_password `cat /run/secrets/app_password`
\set pooler_password `cat /run/secrets/pooler_password`
\set monitor_password `cat /run/secrets/monitor_password`
\set backup_password `cat /run/secrets/backup_password`
\set replication_password `cat /run/secrets/replication_password`

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['local_only', 'app', 'pooler', 'monitor', 'backup', 'replication']) AS name
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name)
\gexec

-- pg_hba.conf refuses its members over the network.
ALTER ROLE local_only NOLOGIN NOINHERIT;
GRANT local_only TO CURRENT_USER;

-- The limits add up to less than max_connections (100): no role can lock the others out. The application comes
-- through PgBouncer, whose max_db_connections is lower still.
ALTER ROLE app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT 85 PASSWORD :'app_password';
ALTER ROLE pooler LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT 3 PASSWORD :'pooler_password';
ALTER ROLE monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT 3 PASSWORD :'monitor_password';
-- A dump has to hold all rows: one from which a policy hides some fails.
ALTER ROLE backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS
  CONNECTION LIMIT 4 PASSWORD :'backup_password';
-- pg_read_all_data leaves out large objects, and rights on them are given one by one. This covers all of them, also
-- those that are made later. Its cost: with this role's password, large objects could be written as well.
ALTER ROLE backup SET lo_compat_privileges = on;
-- A client that forgets its transaction keeps locks, old rows and every move of the stack waiting. A value of your own
-- stays; the backups' sessions set theirs to 0.
SELECT format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', name, '10min')
FROM unnest(ARRAY['app', 'monitor', 'pooler']) AS name
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS own
  WHERE r.rolname = name AND s.setdatabase = 0 AND starts_with(own, 'idle_in_transaction_session_timeout='))
\gexec
ALTER ROLE replication LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION NOBYPASSRLS
  CONNECTION LIMIT 10 PASSWORD :'replication_password';
