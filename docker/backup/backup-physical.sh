#!/usr/bin/env bash
# Makes a physical backup with pgBackRest: all files of the server, with the archive of its log the base of
# point-in-time recovery. Checks first that the server's log arrives in the repository.
#   backup-physical.sh full|diff|incr [KEEP_FULL]
set -Eeuo pipefail
shopt -s inherit_errexit
umask 077

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/connection.sh"

running=''

clean_up() {
  local status=$?
  trap '' INT TERM
  if [[ -n "$running" ]]; then
    kill -TERM "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
  fi
  rm -f -- ${PGPASSFILE:+"$PGPASSFILE"}
  exit "$status"
}

# In the background: bash answers a signal only when its foreground command has ended.
archive() {
  pgbackrest --stanza=simdgres "$@" &
  running=$!
  wait "$running"
  running=''
}

main() {
  local type="${1:-}" keep="${2:-2}"
  [[ "$type" =~ ^(full|diff|incr)$ ]] || fail $exit_invalid "expected full, diff or incr, not '$type'."
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  lock_storage
  use_password_file
  psql --no-psqlrc --no-password --dbname=postgres --command='SELECT 1' --output=/dev/null ||
    fail $exit_unavailable "the server $PGHOST:$PGPORT does not answer as user $PGUSER. Start the stack: simdgres up."
  archive stanza-create
  # Switches to a new log file and waits until the old one is in the repository.
  archive check
  # Older ones are removed only after this one is complete.
  archive backup --type="$type" --repo1-retention-full="$keep"
}

main "$@"
