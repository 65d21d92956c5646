#!/usr/bin/env bash
# Makes a logical set and, when it is complete, removes what retain-sets.sh does not keep. Prints the new set
# as list-sets.sh does, then the names of those that were removed.
#   make-set.sh KEEP WINDOW_SECONDS
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/running.sh"

main() {
  local made
  clean_up_at_end
  made="$(mktemp)"
  temporary+=("$made")
  run bash "$library/backup-logical.sh" >"$made"
  bash "$library/list-sets.sh" | grep "^$(<"$made")"$'\t'
  run bash "$library/retain-sets.sh" "$1" "$2"
}

main "$@"
