# How the backup scripts reach the server: libpq's own variables, with the password in a file that only this user can
# read. Sourced after running.sh; PGHOST, PGUSER and the others come from docker/compose.yaml.

use_password_file() {
  local secret="${BACKUP_PASSWORD_FILE:-/run/secrets/backup_password}" password
  [[ -r "$secret" ]] || fail $exit_unavailable "user $(id -u) cannot read $secret. Run simdgres up, which makes it."
  password="$(<"$secret")"
  # The file's own special characters.
  password="${password//\\/\\\\}"
  password="${password//:/\\:}"
  # Created by mktemp with mode 0600, in memory (tmpfs).
  PGPASSFILE="$(mktemp /tmp/pgpass.XXXXXX)"
  temporary+=("$PGPASSFILE")
  printf '*:*:*:%s:%s\n' "$PGUSER" "$password" >"$PGPASSFILE"
  export PGPASSFILE PGCONNECT_TIMEOUT=15
}

# require_server DATABASE
require_server() {
  psql --no-psqlrc --no-password --dbname="$1" --command='SELECT 1' --output=/dev/null ||
    fail $exit_unavailable "the server $PGHOST:$PGPORT does not answer as user $PGUSER. Start the stack: simdgres up."
}
