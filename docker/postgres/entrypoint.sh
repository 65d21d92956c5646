#!/usr/bin/env bash
# Entry point of the PostgreSQL image. The contract is the official postgres image's:
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE   required on the first boot
#   POSTGRES_USER (postgres), POSTGRES_DB (= user), POSTGRES_INITDB_ARGS
#   /docker-entrypoint-initdb.d/*                 run once, in name order (see first-boot.sh)
#   arguments                                     `postgres ...` or options for it; anything else is run as it is
# Where it differs:
#   - POSTGRES_PARAMETERS: parameters of the server, a line of name=value each; the command line wins over them
#   - POSTGRES_SHARED_BUFFERS and its like take effect and win over ALTER SYSTEM; what is not given is computed (see
#     tune.sh), and gives way to ALTER SYSTEM and to `-c config_file=...`
#   - PGDATA is locked: two servers in two containers would have the same process number, take the other's
#     postmaster.pid for their own stale one, and corrupt the files
#   - PID 1 is tini, not the server: PID 1 inherits every orphan of the container, and a server that reaps a strange
#     process which failed takes it for a crashed backend and ends all sessions
#   - a first boot that fails leaves nothing that the next start would take for a finished database
#   - authentication is scram-sha-256 everywhere, the socket included
#   - with SIMDGRES_STACK=on it is the server of the stack: TLS, roles (see parameters.sh, set-roles.sh)
set -Eeuo pipefail
# Without it, a failure inside $( ) is lost.
shopt -s inherit_errexit

readonly library="${SIMDGRES_LIBRARY:-/usr/local/lib/simdgres}"
# Beside the socket: a folder of the container's own, made anew with it.
readonly config_file=/var/run/postgresql/simdgres.conf
source "$library/first-boot.sh"

fail() {
  printf 'simdgres: %s\n' "$1" >&2
  exit 1
}

note() {
  printf 'simdgres: %s\n' "$1" >&2
}

# Sets the variable $1 from the file named by $1_FILE, if that is given.
read_secret_file() {
  local name="$1" file_name="$1_FILE"
  local file="${!file_name:-}"
  if [[ -z "$file" ]]; then return; fi
  if [[ -n "${!name:-}" ]]; then fail "both $name and $file_name are set. Set one of them."; fi
  if [[ ! -r "$file" ]]; then
    fail "$file_name names $file, which user $(id -u) cannot read. Mount the file there, readable by that user (chown 999 and chmod 0400 on the host)."
  fi
  local value
  value="$(<"$file")"
  printf -v "$name" '%s' "$value"
  unset "$file_name"
}

# One line of $1, as initdb takes it from a file: without the carriage return of Windows, and without the mark that its
# editors put in front. The scripts of the first boot would otherwise log in with another password than initdb sets.
clean_line() {
  local name="$1"
  if [[ -z "${!name:-}" ]]; then return; fi
  local value="${!name#$'\xef\xbb\xbf'}"
  value="${value%$'\r'}"
  if [[ "$value" == *[$'\r\n']* ]]; then
    fail "$name has more than one line. Give it one line, in the variable or in the file of ${name}_FILE."
  fi
  printf -v "$name" '%s' "$value"
}

# True for `postgres --help` and other calls that only print.
prints_only() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      --help | -\? | --version | -V | --describe-config | -C) return 0 ;;
    esac
  done
  return 1
}

require_user() {
  if [[ "$(id -u)" == 0 ]]; then
    fail 'PostgreSQL does not run as root. Leave out --user, or use --user 999:999.'
  fi
}

# Better no server than one without encryption, or with roles that have no password.
require_stack_secrets() {
  local name
  for name in tls.crt tls.key ca.crt {app,pooler,monitor,backup,replication}_password; do
    if [[ ! -r "/run/secrets/$name" ]]; then
      fail "user $(id -u) cannot read /run/secrets/$name. Run simdgres up, which makes it, or mount it readable by that user (chown $(id -u), chmod 0400)."
    fi
  done
}

prepare_folder() {
  if ! mkdir -p "$PGDATA" 2>/dev/null || [[ ! -w "$PGDATA" ]]; then
    fail "PGDATA ($PGDATA) is not writable by user $(id -u). Use a named volume, or on the host: chown -R 999:999 on the mounted folder."
  fi
  chmod 0700 "$PGDATA" 2>/dev/null ||
    fail "PGDATA ($PGDATA) does not belong to user $(id -u). On the host: chown -R 999:999 on the mounted folder."
}

# Descriptor 9 stays open across the final exec: the server holds the lock for as long as it lives. Its backends
# inherit the descriptor, but PID 1 ends with the server and takes them along, so none can keep the lock after it.
# Locks the folder itself, so that there is no lock file for a backup or a restore to carry along.
lock_folder() {
  exec 9<"$PGDATA"
  if ! flock --exclusive --nonblock 9; then
    fail "PGDATA ($PGDATA) is in use by another running container. Stop that one first, or give this one a volume of its own."
  fi
}

# Sets $arguments to what the server gets on its command line, $computed to what tune.sh computed, and $environment to
# the variables that go with it, as `name=value`.
# tune.sh is told what the caller gave with `-c`, so that the values that depend on it fit.
tune_server() {
  local -a given=()
  local previous='' argument
  for argument in "$@"; do
    if [[ "$previous" == '-c' ]]; then given+=(--set "$argument"); fi
    case "$argument" in
      --[a-z]*=*) given+=(--set "${argument#--}") ;;
      -c?*=*) given+=(--set "${argument#-c}") ;;
    esac
    previous="$argument"
  done
  local fixed tuned name_value variable
  local disk
  disk="$(df --block-size=1 --output=size "$PGDATA" | tail -n 1)"
  if [[ "$disk" =~ ^[0-9]+$ ]]; then given+=(--disk "$disk"); fi
  fixed="$(bash "$library/parameters.sh")"
  tuned="$(bash "$library/tune.sh" "${given[@]}")"
  mapfile -t computed <<<"$tuned"
  tuned="$(bash "$library/tune.sh" --print environment "${given[@]}")"
  mapfile -t environment <<<"$tuned"
  arguments=()
  while IFS= read -r name_value; do arguments+=(-c "$name_value"); done <<<"$fixed"
  # What somebody asked for by name wins over everything that is kept in files.
  for name_value in "${computed[@]}"; do
    variable="${name_value%%=*}"
    variable="POSTGRES_${variable^^}"
    if [[ -n "${!variable:-}" ]]; then arguments+=(-c "$name_value"); fi
  done
}

# Prints the last `config_file` among the arguments of the server.
find_config_file() {
  local previous='' argument found=''
  for argument in "$@"; do
    if [[ "$previous" == '-c' ]]; then argument="--$argument"; fi
    case "$argument" in
      --config[_-]file=*) found="${argument#*=}" ;;
      -cconfig_file=*) found="${argument#*=}" ;;
    esac
    previous="$argument"
  done
  printf '%s' "$found"
}

# A file, so that ALTER SYSTEM wins over what was only computed, and so does a configuration file of the caller's ($1)
# with what it sets; the one that initdb made sets defaults, over which these win.
write_config() {
  local own="$1"
  {
    if [[ -z "$own" ]]; then printf "include '%s'\n" "$PGDATA/postgresql.conf"; fi
    printf '%s\n' "${computed[@]}"
    if [[ -n "$own" ]]; then printf "include '%s'\n" "$own"; fi
  } >"$config_file"
}

main() {
  # PID 1 gets no default handling of signals: without these, a stop before the server runs would be ignored.
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ $# -eq 0 || "${1:0:1}" == '-' ]]; then set -- postgres "$@"; fi
  if [[ "$1" != postgres ]] || prints_only "$@"; then exec "$@"; fi
  shift
  if [[ -n "${POSTGRES_PARAMETERS:-}" ]]; then
    local -a named=()
    local line
    while IFS= read -r line; do named+=(-c "$line"); done <<<"$POSTGRES_PARAMETERS"
    set -- "${named[@]}" "$@"
  fi

  require_user
  case "${SIMDGRES_STACK:=off}" in
    on) require_stack_secrets ;;
    off) ;;
    *) fail "SIMDGRES_STACK=$SIMDGRES_STACK is neither on nor off." ;;
  esac
  export SIMDGRES_STACK
  local name
  for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB; do
    read_secret_file "$name"
    clean_line "$name"
  done
  prepare_folder
  lock_folder

  local -a arguments=() computed=() environment=()
  tune_server "$@"
  # Its temporary server has no use for a file: nobody has changed a parameter yet.
  first_boot "${arguments[@]}" "${computed[@]/#/--}" "$@"
  write_config "$(find_config_file "$@")"

  # A variable of the caller's wins.
  local name_value
  for name_value in "${environment[@]}"; do
    name="${name_value%%=*}"
    export "$name=${!name:-${name_value#*=}}"
  done
  # The server and whatever it starts (COPY FROM PROGRAM) have no use for it.
  unset POSTGRES_PASSWORD PGPASSWORD
  exec tini -- postgres -c listen_addresses='*' "${arguments[@]}" "$@" -c "config_file=$config_file"
}

main "$@"
