#!/usr/bin/env bash
# Makes the roles of the stack and sets their passwords and rights. Safe to repeat: after new secrets or a restore,
#   docker exec <container> /usr/local/lib/simdgres/set-roles.sh
# The passwords are read by psql itself: they are in no argument and in no variable of the environment.
set -Eeuo pipefail

readonly library="${SIMDGRES_LIBRARY:-/usr/local/lib/simdgres}"
export PGPASSWORD="${PGPASSWORD:-$(</run/secrets/postgres_password)}"

for file in set-roles.sql set-rights.sql; do
  psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 --single-transaction --output=/dev/null \
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --file="$library/$file"
done
# pgBackRest and pg_dumpall connect to it, and rights on functions are each database's own.
psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 --single-transaction --output=/dev/null \
  --username="$POSTGRES_USER" --dbname=postgres --file="$library/set-backup-rights.sql"
