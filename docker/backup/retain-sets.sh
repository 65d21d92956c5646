#!/usr/bin/env bash
# Removes logical sets that are older than the newest KEEP good ones and than WINDOW seconds. A set counts as good when all its files have the
# recorded content, so damaged or missing ones never push a good one out. Sets of a time that has not come do not count
# either, and stay. Prints the names that were (with --dry-run: would be) removed.
#   retain-sets.sh KEEP WINDOW_SECONDS [--dry-run]
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/ages.sh"

main() {
  local keep="${1:-}" window="${2:-}" mode="${3:-}" good=0 names name
  [[ "$keep" =~ ^[1-9][0-9]{0,4}$ ]] || fail $exit_invalid "expected how many sets to keep, 1 or more, not '$keep'."
  [[ "$window" =~ ^[0-9]{1,10}$ ]] || fail $exit_invalid "expected how many seconds to keep, not '$window'."
  # Taking the lock removes what killed runs have left.
  if [[ "$mode" != --dry-run ]]; then lock_storage; fi
  if [[ ! -d "$sets" ]]; then return; fi
  names="$(list_sets | past_only)"
  for name in $names; do
    if ((good < keep)); then
      if is_set_good "$name"; then good=$((good + 1)); else note "$name is damaged and does not count"; fi
      continue
    fi
    # Made by hand in a row, thirty sets are a minute, not thirty days.
    if (($(seconds_since "$(time_of_name "$name")") < window)); then continue; fi
    if [[ "$mode" != --dry-run ]]; then
      # In one step: a set that is half removed must not look like one.
      mv --no-target-directory "$sets/$name" "$sets/$name.deleted"
      rm -rf -- "$sets/$name.deleted"
    fi
    printf '%s\n' "$name"
  done
}

main "$@"
