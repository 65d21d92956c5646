#!/usr/bin/env bash
# Has the server hand over all of its log up to now, and waits until the repository has it.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/running.sh"
source "$library/connection.sh"

clean_up_at_end
use_password_file
run pgbackrest --stanza=simdgres check
