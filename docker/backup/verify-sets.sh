#!/usr/bin/env bash
# Compares every file of logical sets with its recorded content. Arguments: names of sets; without any, all of them.
# Prints `good NAME` or `damaged NAME` for each; stderr says what is damaged. Exit code 4 if any set is.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"

main() {
  local name status=0
  mkdir -p "$sets"
  if (($# == 0)); then mapfile -t names < <(list_sets); else names=("$@"); fi
  for name in ${names[@]+"${names[@]}"}; do
    [[ -d "$sets/$name" ]] || fail $exit_invalid "there is no set $name."
    if is_set_good "$name" && pg_restore --file=/dev/null "$sets/$name/database.dump"; then
      printf 'good %s\n' "$name"
    else
      printf 'damaged %s\n' "$name"
      status=$exit_corrupt
    fi
  done
  exit "$status"
}

main "$@"
