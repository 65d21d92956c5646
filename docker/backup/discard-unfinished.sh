#!/usr/bin/env bash
# Removes what a run that was killed has left. Fails where another run holds the lock, which has done so itself.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"

lock_storage
