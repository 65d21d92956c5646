# How many full physical backups to keep. Sourced after storage.sh.

readonly repository="$backups/pgbackrest"

# Backups of the cluster that the repository takes now, the newest first: name, timeline in hexadecimal digits, position in
# the log, seconds since 1970. Argument: pattern of the kinds, F or F|D|I.
list_physical() {
  local info="$repository/backup/simdgres/backup.info" id
  id="$(sed --quiet 's/^db-id=//p' "$info" | head --lines=1)"
  sed --quiet --regexp-extended \
    's/^([0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?)=.*"backup-archive-stop":"([0-9A-F]{8})[^"]*".*"backup-lsn-stop":"([^"]+)".*"backup-timestamp-stop":([0-9]+).*"db-id":'"$id"'[,}].*/\1 \3 \4 \5/p' \
    "$info" | { grep --extended-regexp "^[^ ]*($1) " || true; } | sort --key=4 --numeric-sort --reverse
}

# A position in the log as a number.
position() {
  echo $(((16#${1%/*} << 32) + 16#${1#*/}))
}

# leads_to TIMELINE POSITION CURRENT: whether the log goes on from there to the timeline CURRENT.
leads_to() {
  if [[ "$1" == "$3" ]]; then return 0; fi
  local timeline left rest
  while read -r timeline left rest; do
    if [[ "$timeline" =~ ^[0-9]+$ ]] && ((timeline == 16#$1)) && (($(position "$2") <= $(position "$left"))); then
      return 0
    fi
  done < <(cat "$repository"/archive/simdgres/*/"$3.history" 2>/dev/null)
  return 1
}

# fulls_to_keep KEEP WINDOW: how many of the newest full backups are needed, so that KEEP of them lead to the present
# timeline, which those of an abandoned one do not, and so that one of these is at least WINDOW seconds old, if there is
# one: backups that are made by hand in a row would otherwise remove all but the last hour.
fulls_to_keep() {
  local name timeline stop time current found=0 count=0 oldest=0 now
  now="$(date +%s)"
  current="$(list_physical '[FDI]' | sed --quiet '1s/^[^ ]* \([^ ]*\).*/\1/p')"
  while read -r name timeline stop time; do
    count=$((count + 1))
    if ! leads_to "$timeline" "$stop" "$current"; then continue; fi
    found=$((found + 1))
    oldest="$time"
    if ((found >= $1 && now - oldest >= $2)); then break; fi
  done < <(list_physical F)
  echo "$((count > $1 ? count : $1))"
}
