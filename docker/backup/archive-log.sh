#!/usr/bin/env bash
# Has the server hand over all of its log up to now, and waits until the repository has it.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/connection.sh"

trap 'rm -f -- ${PGPASSFILE:+"$PGPASSFILE"}' EXIT
use_password_file
pgbackrest --stanza=simdgres check
