#!/usr/bin/env bash
# Makes a physical backup with pgBackRest: all files of the server. Together with the archive of its log it is the
# base of point-in-time recovery. First checks that the server's log arrives in the repository.
#   backup-physical.sh full|diff|incr [KEEP_FULL [WINDOW_SECONDS [WHICH]]]
# Then removes what retention.sh does not count. WHICH is 1 or 2; without it, both where there is a second one.
set -Eeuo pipefail
shopt -s inherit_errexit
umask 077

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/running.sh"
source "$library/connection.sh"
source "$library/retention.sh"
source "$library/second.sh"

archive() {
  run pgbackrest --stanza=simdgres "$@"
}

# back_up_first TYPE KEEP WINDOW
back_up_first() {
  archive stanza-create
  # Switches to a new log file and waits until the old one is in the repository.
  archive check
  # Older ones are removed only after this one is complete.
  archive backup --type="$1" --no-expire-auto
  archive expire --repo1-retention-full="$(fulls_to_keep "$2" "$3")"
}

main() {
  local type="${1:-}" keep="${2:-2}" window="${3:-0}" which="${4:-}"
  [[ "$type" =~ ^(full|diff|incr)$ ]] || fail $exit_invalid "expected full, diff or incr, not '$type'."
  clean_up_at_end
  lock_storage
  use_password_file
  require_server postgres
  if [[ "$which" != 2 ]]; then back_up_first "$type" "$keep" "$window"; fi
  if [[ "$which" != 1 ]] && has_second; then back_up_second "$type" "$keep"; fi
}

main "$@"
