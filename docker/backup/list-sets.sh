#!/usr/bin/env bash
# Prints the complete logical sets, newest first: name, tab, bytes.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"

if [[ ! -d "$sets" ]]; then exit 0; fi
list_sets | while IFS= read -r name; do
  printf '%s\t%s\n' "$name" "$(du --bytes --summarize -- "$sets/$name" | cut --fields=1)"
done
