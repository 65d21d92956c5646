#!/usr/bin/env bash
# Applies the migrations that a database does not have yet, in name order, each in a transaction of its own together
# with the note that it was applied. Runs on the first boot, and with each `simdgres up`; by hand:
#   docker exec <container> /usr/local/lib/simdgres/migrate.sh
# Exit code 1 where an applied migration was changed afterwards: the database is then not what the files say.
set -Eeuo pipefail
shopt -s inherit_errexit nullglob

readonly library="${SIMDGRES_LIBRARY:-/usr/local/lib/simdgres}"
export PGPASSWORD="${PGPASSWORD:-$(</run/secrets/postgres_password)}"

sql() {
  psql --no-psqlrc --no-password --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --single-transaction \
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" "$@"
}

sql <<'SQL'
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS deployment;
CREATE TABLE IF NOT EXISTS deployment.migrations (
  name text PRIMARY KEY,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
SQL

for file in "$library"/migrations/*.sql; do
  name="$(basename "$file" .sql)"
  sha256="$(sha256sum "$file" | cut -d' ' -f1)"
  # The lock ends with the transaction: of two that run at once, the second finds the note of the first.
  sql --set=name="$name" --set=sha256="$sha256" --set=file="$file" <<'SQL'
LOCK TABLE deployment.migrations IN SHARE ROW EXCLUSIVE MODE;
SELECT coalesce((SELECT sha256 = :'sha256' FROM deployment.migrations WHERE name = :'name'), false) AS is_applied,
       EXISTS (SELECT FROM deployment.migrations WHERE name = :'name' AND sha256 <> :'sha256') AS is_changed \gset
\if :is_changed
  \warn migration :name was changed after it was applied. Put the change into a new file.
  SELECT 1 / 0 AS migration_was_changed;
\elif :is_applied
\else
  \warn applying migration :name
  \i :file
  INSERT INTO deployment.migrations (name, sha256) VALUES (:'name', :'sha256');
\endif
SQL
done
