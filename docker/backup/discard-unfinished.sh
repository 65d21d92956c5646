#!/usr/bin/env bash
# Removes what a killed run has left. Fails if another run holds the lock: that run has removed it already.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"

lock_storage
