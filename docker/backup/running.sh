# Runs a program that ends when its script does, and removes what the script leaves behind. Sourced.

# Removed when the script ends, for whatever reason.
declare -a temporary=()
running=''

clean_up_at_end() {
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

stop_running() {
  if [[ -n "$running" ]]; then
    kill -TERM "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
  fi
}

# No process writes into a folder that is being removed.
clean_up() {
  local status=$?
  trap '' INT TERM
  stop_running
  rm -rf -- "${temporary[@]}"
  exit "$status"
}

# In the background: bash answers a signal only when its foreground command has ended.
run() {
  local status=0
  "$@" &
  running=$!
  wait "$running" || status=$?
  running=''
  return "$status"
}
