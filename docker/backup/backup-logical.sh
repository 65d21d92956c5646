#!/usr/bin/env bash
# Makes one logical backup set of $PGDATABASE: database.dump (custom format), globals.sql, contents.json (what a restore
# has to reproduce) and SHA256SUMS. Prints the set's name. Nothing is left of a run that fails or is stopped.
#
# Exit codes: 3 the server cannot be reached, 5 no space or another run, 1 anything else.
set -Eeuo pipefail
shopt -s inherit_errexit
umask 077

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/running.sh"
source "$library/connection.sh"

part=''

# Opens the session whose snapshot the dump and the counts share.
open_session() {
  require_server "$PGDATABASE"
  coproc SESSION {
    exec psql --no-psqlrc --no-password --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1
  }
  # Copied, because bash forgets them when the process ends.
  exec {to_session}>&"${SESSION[1]}" {from_session}<&"${SESSION[0]}"
}

# Waits until it has ended: it holds the lock while it lives, and the removal of old sets comes next.
close_session() {
  local session="$SESSION_PID"
  ask 'COMMIT; SELECT 1;'
  exec {to_session}>&- {from_session}<&- {SESSION[1]}>&- {SESSION[0]}<&-
  wait "$session"
}

# Sends SQL that gives one line, and reads it into $answer.
ask() {
  printf '%s\n' "$1" >&"$to_session" && IFS= read -r answer <&"$from_session" ||
    fail $exit_check_failed "the server ended the session while it was asked: ${1:0:60}"
}

# The archive is read to its end: a list of contents alone would not show that data is cut off.
check_dump() {
  local dumped recorded
  run pg_restore --file=/dev/null "$part/database.dump"
  dumped="$(pg_restore --list "$part/database.dump" | grep --count ' TABLE DATA ' || true)"
  recorded="$(grep --only-matching '"hash":' "$part/contents.json" | wc --lines)"
  if ((dumped < recorded)); then
    fail $exit_check_failed "the dump holds the data of $dumped tables, the database has $recorded. Run it again; if it stays, role backup lacks rights."
  fi
}

write_set() {
  local name="$1"
  open_session
  ask 'SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();'
  local snapshot="$answer"
  ask "\\i $library/contents.sql"
  printf '%s\n' "$answer" >"$part/contents.json"
  run pg_dump --no-password --format=custom --snapshot="$snapshot" --file="$part/database.dump"
  close_session
  # Passwords belong to the secrets; the role backup cannot read verifiers, on purpose.
  run pg_dumpall --no-password --globals-only --no-role-passwords --file="$part/globals.sql"
  check_dump
  (cd "$part" && sha256sum contents.json database.dump globals.sql >SHA256SUMS)
  sync "$part"/* "$part"
  mv --no-target-directory "$part" "$sets/$name"
  sync "$sets"
}

main() {
  clean_up_at_end
  # ask notices a session that has ended.
  trap '' PIPE
  lock_storage
  use_password_file
  local name
  name="$(new_set_name)"
  part="$sets/$name.part"
  temporary+=("$part")
  mkdir "$part"
  write_set "$name"
  printf '%s\n' "$name"
}

main "$@"
