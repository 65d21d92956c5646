#!/usr/bin/env bash
# Makes the database on the first boot. Sourced by entrypoint.sh, whose `fail` and `note` it uses.
#
# All of it happens in $PGDATA/.first-boot. When the last script has succeeded, the files move up, PG_VERSION last:
# its presence means "complete", so a boot that was interrupted at any point is started afresh by the next one.

readonly scripts_folder=/docker-entrypoint-initdb.d

# Arguments: those that the server will get.
first_boot() {
  if [[ -s "$PGDATA/PG_VERSION" ]]; then
    refuse_other_major
    note "using the database in $PGDATA; POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB and $scripts_folder apply to the first boot only"
    return
  fi
  require_password
  discard_unfinished

  # In the background, so that this shell can answer a stop signal at once: PID 1 gets no default handling.
  local worker status=0
  set -m
  make_database "$@" &
  worker=$!
  set +m
  trap 'stop_first_boot "$worker" 130' INT
  trap 'stop_first_boot "$worker" 143' TERM
  wait "$worker" || status=$?
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if ((status != 0)); then
    discard_unfinished
    fail "the first boot failed (see above); nothing of it is kept. Correct the cause and start again."
  fi
}

refuse_other_major() {
  local found own
  found="$(<"$PGDATA/PG_VERSION")"
  own="$(postgres --version | sed -E 's/^[^0-9]*([0-9]+).*$/\1/')"
  if [[ "$found" != "$own" ]]; then
    fail "PGDATA ($PGDATA) was made by PostgreSQL $found, this image has $own. Start it with an image built with PG_MAJOR=$found, or dump there and restore into a new volume."
  fi
}

require_password() {
  if [[ -z "${POSTGRES_PASSWORD:-}" ]]; then
    fail 'no password for the new database. Set POSTGRES_PASSWORD_FILE to a mounted file that holds it (docker run -v "$PWD/password:/run/secrets/postgres_password:ro" -e POSTGRES_PASSWORD_FILE=/run/secrets/postgres_password ...), or set POSTGRES_PASSWORD.'
  fi
  if [[ -n "${POSTGRES_HOST_AUTH_METHOD:-}" && "$POSTGRES_HOST_AUTH_METHOD" != scram-sha-256 ]]; then
    fail "POSTGRES_HOST_AUTH_METHOD=$POSTGRES_HOST_AUTH_METHOD is not supported: this image authenticates by scram-sha-256 only. Unset it."
  fi
}

# Removes what an interrupted first boot left. Never touches a folder that it did not begin to fill.
discard_unfinished() {
  if [[ -d "$PGDATA/.first-boot" ]]; then
    note 'discarding an unfinished first boot'
    find "$PGDATA" -mindepth 1 -delete
  elif [[ -n "$(find "$PGDATA" -mindepth 1 -maxdepth 1 -print -quit)" ]]; then
    fail "PGDATA ($PGDATA) holds files but no database (no PG_VERSION). Mount an empty volume, or set PGDATA to a folder below the mount."
  fi
}

stop_first_boot() {
  local worker="$1" status="$2"
  trap '' INT TERM
  note 'stopped during the first boot; nothing of it is kept'
  # The server first: it would otherwise be orphaned, and still writing, when its folder is removed.
  if [[ -s "$PGDATA/.first-boot/postmaster.pid" ]]; then
    PGDATA="$PGDATA/.first-boot" pg_ctl --silent --mode=immediate --wait stop || note 'the temporary server was gone already'
  fi
  kill -TERM -- "-$worker" 2>/dev/null || true
  wait "$worker" || true
  discard_unfinished
  exit "$status"
}

# Runs in a subshell of its own process group.
make_database() {
  set -Eeuo pipefail
  local final="$PGDATA"
  export PGDATA="$final/.first-boot"
  export POSTGRES_USER="${POSTGRES_USER:-postgres}"
  export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
  # For the scripts: the socket asks for the password like everything else.
  export PGPASSWORD="$POSTGRES_PASSWORD"
  unset PGHOST PGPORT PGDATABASE PGUSER

  init_cluster
  start_temporary_server "$@"
  trap 'pg_ctl --silent --mode=immediate --wait stop || true' EXIT
  create_database
  if [[ "$SIMDGRES_STACK" == on ]]; then
    bash "$library/set-roles.sh"
  fi
  run_scripts
  trap - EXIT
  pg_ctl --silent --mode=fast --wait --timeout=300 stop
  commit_files "$final"
}

init_cluster() {
  # Options with quotes, as in the official image; xargs takes them apart as a shell does, and runs nothing.
  local separated
  separated="$(xargs --no-run-if-empty printf '%s\n' <<<"${POSTGRES_INITDB_ARGS:-}")" ||
    fail "POSTGRES_INITDB_ARGS ($POSTGRES_INITDB_ARGS) cannot be taken apart, see above. Close its quotes."
  local -a extra=()
  if [[ -n "$separated" ]]; then mapfile -t extra <<<"$separated"; fi
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
    --auth-local=scram-sha-256 --auth-host=scram-sha-256 ${extra[@]+"${extra[@]}"}
  # initdb allows the loopback only; the container's network decides who reaches the port.
  printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
}

# On its socket only: a health check or a client over TCP must not meet a half-made database.
start_temporary_server() {
  local quoted
  printf -v quoted '%q ' "$@" -c listen_addresses= -c unix_socket_directories=/var/run/postgresql
  pg_ctl --silent --wait --timeout=300 --options="$quoted" start
}

sql() {
  psql --no-psqlrc --no-password --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" "$@"
}

create_database() {
  local exists
  exists="$(sql --dbname=postgres --tuples-only --no-align --set=db="$POSTGRES_DB" \
    <<<"SELECT 1 FROM pg_database WHERE datname = :'db'")"
  if [[ -z "$exists" ]]; then
    sql --quiet --dbname=postgres --set=db="$POSTGRES_DB" <<<'CREATE DATABASE :"db"'
  fi
  # Not in template1, so that a dump of any database restores into a new one without "already exists".
  sql --quiet --dbname="$POSTGRES_DB" <<<'CREATE EXTENSION vector; CREATE EXTENSION simdgres;'
}

run_scripts() {
  local file
  for file in "$scripts_folder"/*; do
    if [[ ! -e "$file" ]]; then continue; fi
    note "running $file"
    case "$file" in
      *.sh) run_shell_script "$file" ;;
      *.sql) sql --dbname="$POSTGRES_DB" --file="$file" ;;
      *.sql.gz) gzip --decompress --stdout "$file" | sql --dbname="$POSTGRES_DB" ;;
      *.sql.xz) xz --decompress --stdout "$file" | sql --dbname="$POSTGRES_DB" ;;
      *.sql.zst) zstd --decompress --stdout "$file" | sql --dbname="$POSTGRES_DB" ;;
      *) note "skipping $file: not .sh, .sql, .sql.gz, .sql.xz or .sql.zst" ;;
    esac
  done
}

# Executed if its mode says so, else read into this shell, so that it can set variables for later ones.
run_shell_script() {
  if [[ -x "$1" ]]; then
    "$1"
  else
    source "$1"
  fi
}

commit_files() {
  local final="$1"
  (
    shopt -s dotglob
    GLOBIGNORE="$PGDATA/PG_VERSION"
    mv -- "$PGDATA"/* "$final"/
  )
  sync --file-system "$final"
  mv -- "$PGDATA/PG_VERSION" "$final/PG_VERSION"
  rmdir -- "$PGDATA"
  sync --file-system "$final"
}
