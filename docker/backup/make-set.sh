#!/usr/bin/env bash
# Makes a logical set and, when it is complete, removes what is older than the newest KEEP good ones. Prints the new set
# as list-sets.sh does, then the names of those that were removed.
#   make-set.sh KEEP
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"

main() {
  local name removed
  name="$(bash "$library/backup-logical.sh")"
  removed="$(bash "$library/retain-sets.sh" "$1")"
  bash "$library/list-sets.sh" | grep "^$name"$'\t'
  printf '%s\n' "$removed"
}

main "$@"
