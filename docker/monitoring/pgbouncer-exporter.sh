#!/usr/bin/env bash
# Starts the exporter with the password in a file in memory: neither its arguments nor its environment show it.
set -Eeuo pipefail
shopt -s inherit_errexit
umask 077

readonly secret=/run/secrets/stats_password
readonly password_file=/tmp/pgpass

if [[ ! -r "$secret" ]]; then
  printf 'pgbouncer-exporter: user %s cannot read %s. Run simdgres up, which makes it.\n' "$(id -u)" "$secret" >&2
  exit 1
fi
password="$(<"$secret")"
# A password file escapes these two.
password="${password//\\/\\\\}"
printf 'pgbouncer:6432:pgbouncer:stats:%s\n' "${password//:/\\:}" >"$password_file"

export PGPASSFILE="$password_file"
exec prometheus-pgbouncer-exporter --pgBouncer.connectionString='postgres://stats@pgbouncer:6432/pgbouncer?sslmode=verify-full&sslrootcert=/run/secrets/ca.crt'
