#!/usr/bin/env bash
# archive_command: hands a finished file of the write-ahead log to pgBackRest. Argument: its path from PGDATA.
#
# Without a repository it reports success and archives nothing: a server that waits for an archive nobody made would
# fill its disk. Once something was archived, a repository that is gone is a failure: the log is then kept, the
# monitoring sees it, and point-in-time recovery has no silent gap. To give archiving up on purpose, remove
# $PGDATA/archiving. $PGDATA/archiving-off is there while the server only follows another one after an upgrade: the
# repository takes the log of that one.
set -Eeuo pipefail

readonly stanza=simdgres
readonly repository="${SIMDGRES_REPOSITORY:-/backups/pgbackrest}"
readonly second_config="${SIMDGRES_SECOND_CONFIG:-/run/secrets/repository2.conf}"
readonly marker="$PGDATA/archiving"
# Beside PGDATA while a server is promoted in a switchover: should that be taken back, nothing of its timeline may be in the
# archive, where the next promotion would find its names taken. A moment is waited for, since a failure is tried again only
# after a minute.
readonly waits="${PGDATA%/*}/archiving-waits"

if [[ -e "$PGDATA/archiving-off" ]]; then exit 0; fi
for ((tenths = 0; tenths < 100; tenths++)); do
  if [[ ! -e "$waits" ]]; then break; fi
  sleep 0.1
done
if [[ -e "$waits" ]]; then
  echo 'simdgres: the switchover of this server is not finished: simdgres repair' >&2
  exit 1
fi

if [[ ! -e "$repository/archive/$stanza/archive.info" && ! -e "$marker" ]]; then exit 0; fi
# To the second repository too, once a backup has made it (docker/backup/second.sh). While its disk is away, the log is kept.
declare -a second=()
if [[ -e "$second_config" && "$(sha256sum <"$second_config")" == "$(cat "${repository%/*}/repository2" 2>/dev/null)" ]]; then
  second=(--config-include-path="${second_config%/*}")
fi
pgbackrest --stanza="$stanza" ${second[@]+"${second[@]}"} archive-push "$1"
if [[ ! -e "$marker" ]]; then
  : >"$marker"
  sync "$marker" "$PGDATA"
fi
