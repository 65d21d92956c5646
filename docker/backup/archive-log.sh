#!/usr/bin/env bash
# Has the server hand over all of its log up to now, and waits until the repository has it. Argument: 2 for the second one too.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/running.sh"
source "$library/connection.sh"
source "$library/second.sh"

clean_up_at_end
use_password_file
if [[ "${1:-}" == 2 ]]; then with_second check; else run pgbackrest --stanza=simdgres check; fi
