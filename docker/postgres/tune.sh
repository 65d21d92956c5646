#!/usr/bin/env bash
# Computes PostgreSQL's parameters from the memory and processors that the server may use, and prints them as
# `name=value` lines. The only source of computed parameters: the image's entrypoint and the local target call it.
#
#   tune.sh [--memory BYTES] [--cpus N] [--shm BYTES] [--disk BYTES] [--cgroup DIR] [--membership FILE] [--set name=value]...
#           [--print parameters|environment]
#
# --print environment: the variables that fit to these parameters and that the server is to be started with.
# --disk: the size of the disk that holds the data and the log; without it, one that is large enough.
# Without --memory and --cpus the limits come from the control group and those that it is in: tools like free and nproc
# show the host's. The groups are below /sys/fs/cgroup, and /proc/self/cgroup says which one is ours.
# POSTGRES_SHARED_BUFFERS, POSTGRES_EFFECTIVE_CACHE_SIZE, POSTGRES_WORK_MEM, POSTGRES_MAINTENANCE_WORK_MEM,
# POSTGRES_MAX_PARALLEL_WORKERS and POSTGRES_MAX_PARALLEL_WORKERS_PER_GATHER replace computed values. So does --set,
# which wins over the variables; values that depend on a replaced one follow it.
# Exit code 1 and one line on stderr where a value makes no sense.
set -Eeuo pipefail
# The caller's language would have its say: a Turkish i has no I as its capital, and names of variables are made here.
export LC_ALL=C

readonly kib=1024
readonly mib=$((1024 * kib))
readonly gib=$((1024 * mib))

declare -A given=()

fail() {
  printf 'simdgres: %s\n' "$1" >&2
  exit 1
}

# PostgreSQL's notation ('512MB', '15GB'), letter case ignored as people write it; the result is in $parsed_bytes.
parse_size() {
  local name="$1" text="$2"
  if ! [[ "$text" =~ ^([0-9]{1,12})\ *([kKmMgGtT]?)[bB]?$ ]]; then
    fail "$name=$text is not a size. Write a whole number with kB, MB or GB, for example 512MB."
  fi
  local number="$((10#${BASH_REMATCH[1]}))"
  case "${BASH_REMATCH[2]}" in
    k | K) parsed_bytes=$((number * kib)) ;;
    m | M) parsed_bytes=$((number * mib)) ;;
    g | G) parsed_bytes=$((number * gib)) ;;
    t | T) parsed_bytes=$((number * 1024 * gib)) ;;
    *) fail "$name=$text has no unit. Write kB, MB or GB, for example ${text}MB." ;;
  esac
  # PostgreSQL's smallest for all four.
  if ((parsed_bytes < 64 * kib)); then fail "$name=$text is too small. The smallest is 64kB."; fi
}

parse_count() {
  local name="$1" text="$2"
  if ! [[ "$text" =~ ^[0-9]{1,5}$ ]]; then
    fail "$name=$text is not a count. Write a whole number, for example 4."
  fi
}

read_number_option() {
  if ! [[ "$2" =~ ^[0-9]+$ ]]; then fail "$1 $2 is not a number of bytes."; fi
}

# Processors in thousandths: bash has whole numbers only.
parse_cpus() {
  if ! [[ "$1" =~ ^([0-9]{1,5})(\.([0-9]{1,9}))?$ ]]; then fail "--cpus $1 is not a number of processors."; fi
  local fraction="${BASH_REMATCH[3]:-0}000"
  milli_cpus=$((10#${BASH_REMATCH[1]} * 1000 + 10#${fraction:0:3}))
}

read_arguments() {
  while (($# > 0)); do
    if (($# < 2)); then fail "$1 needs a value."; fi
    case "$1" in
      --memory) read_number_option "$1" "$2" && memory="$2" ;;
      --shm) read_number_option "$1" "$2" && shm="$2" ;;
      --disk) read_number_option "$1" "$2" && disk="$2" ;;
      --cpus) parse_cpus "$2" ;;
      --cgroup) cgroup="$2" ;;
      --membership) membership="$2" ;;
      --print)
        if [[ "$2" != parameters && "$2" != environment ]]; then
          fail "--print $2 is neither parameters nor environment."
        fi
        print="$2"
        ;;
      --set)
        if [[ "$2" != ?*=* ]]; then fail "--set $2 is not name=value."; fi
        local name="${2%%=*}"
        given["${name//-/_}"]="${2#*=}"
        ;;
      *) fail "$1 is not an option of tune.sh." ;;
    esac
    shift 2
  done
}

# Puts our control group and all that it is in, up to the root, into $groups. Version 2 has one tree for everything and
# no name ($1 is empty), version 1 one for each controller. A container sees its own group as the root, unless it shares
# the host's namespace (--cgroupns=host); a process outside of any container may be limited by a group further up alone.
list_groups() {
  local controller="$1" root="$cgroup${1:+/$1}" path='' names own
  if [[ -r "$membership" ]]; then
    while IFS=: read -r _ names own; do
      if [[ "$names" == "$controller" || ",$names," == *",${controller:-none},"* ]]; then path="$own"; fi
    done <"$membership"
  fi
  # Above the root of our namespace: nothing to be seen of it.
  if [[ "$path" == */..* ]]; then path=''; fi
  path="${path%/}"
  groups=("$root")
  while [[ -n "$path" ]]; do
    groups+=("$root$path")
    path="${path%/*}"
  done
}

# The smallest limit of all groups. None is "max" in version 2 and a number near 2^63 in version 1, so what the machine
# has is the upper bound of both.
detect_memory() {
  memory=$(($(sed -nE 's/^MemTotal: +([0-9]+) kB$/\1/p' /proc/meminfo) * kib))
  local group
  list_groups ''
  for group in "${groups[@]}"; do lower_memory "$group/memory.max"; done
  list_groups memory
  for group in "${groups[@]}"; do lower_memory "$group/memory.limit_in_bytes"; done
}

lower_memory() {
  local limit
  if [[ ! -r "$1" ]]; then return; fi
  limit="$(<"$1")"
  if [[ "$limit" =~ ^[0-9]{1,18}$ ]] && ((limit < memory)); then memory="$limit"; fi
}

detect_cpus() {
  milli_cpus=$(($(nproc) * 1000))
  local group quota period
  list_groups ''
  for group in "${groups[@]}"; do
    if [[ ! -r "$group/cpu.max" ]]; then continue; fi
    read -r quota period <"$group/cpu.max"
    lower_cpus "$quota" "$period"
  done
  list_groups cpu
  for group in "${groups[@]}"; do
    if [[ ! -r "$group/cpu.cfs_quota_us" ]]; then continue; fi
    lower_cpus "$(<"$group/cpu.cfs_quota_us")" "$(<"$group/cpu.cfs_period_us")"
  done
}

# No quota is "max" in version 2 and -1 in version 1.
lower_cpus() {
  local quota="$1" period="$2"
  if [[ "$quota" =~ ^[0-9]+$ ]] && ((quota * 1000 / period < milli_cpus)); then
    milli_cpus=$((quota * 1000 / period))
  fi
}

detect_shm() {
  shm=$(($(df --block-size=1 --output=size /dev/shm 2>/dev/null | tail -n 1 || echo 0)))
}

minimum() { (($1 < $2)) && echo "$1" || echo "$2"; }
maximum() { (($1 > $2)) && echo "$1" || echo "$2"; }

# What was given for a parameter, by --set or by its variable, in $text; its origin, for messages, in $origin.
lookup() {
  local variable="POSTGRES_${1^^}"
  text="${given[$1]:-}"
  origin="$1"
  if [[ -z "$text" ]]; then
    text="${!variable:-}"
    origin="$variable"
  fi
  [[ -n "$text" ]]
}

# size NAME COMPUTED: bytes of the parameter in $bytes.
size() {
  bytes="$2"
  if lookup "$1"; then
    parse_size "$origin" "$text"
    bytes="$parsed_bytes"
  fi
}

# count NAME COMPUTED: the number in $number.
count() {
  number="$2"
  if lookup "$1"; then
    parse_count "$origin" "$text"
    number=$((10#$text))
  fi
}

print_size() { printf '%s=%dkB\n' "$1" "$(($2 / kib))"; }

print_memory() {
  local workers="$1" connections="$2" shared_buffers maintenance

  # A quarter of the limit: PostgreSQL's own advice for a dedicated server; the rest serves as page cache.
  size shared_buffers $((memory / 4 / mib * mib > mib ? memory / 4 / mib * mib : mib))
  shared_buffers="$bytes"
  if ((shared_buffers >= memory)); then
    fail "$origin=$text does not fit into the memory limit of $((memory / mib)) MB. Lower it (a quarter of the limit is usual) or raise the limit (POSTGRES_MEMORY in docker/.env)."
  fi
  print_size shared_buffers "$shared_buffers"

  # For the planner alone: shared_buffers plus most of the page cache.
  size effective_cache_size $((memory / 4 * 3))
  print_size effective_cache_size "$bytes"

  # An HNSW graph that outgrows it spills, and the build slows several times. A parallel build allocates it in
  # /dev/shm, where running out is an error, so an eighth of that stays free for the other segments of a query.
  size maintenance_work_mem "$(maximum $mib "$(minimum $((memory / 8)) $((shm / 8 * 7)))")"
  maintenance="$bytes"
  if lookup maintenance_work_mem && ((shm > 0 && maintenance > shm)); then
    fail "$origin=$text is larger than /dev/shm ($((shm / mib)) MB), in which parallel index builds put it. Raise shm_size (POSTGRES_SHM_SIZE in docker/.env) or lower $origin."
  fi
  print_size maintenance_work_mem "$maintenance"
  # Up to three autovacuum workers would otherwise take maintenance_work_mem each; a list of dead rows needs little.
  print_size autovacuum_work_mem "$(maximum $mib "$(minimum $((maintenance / 4)) $((256 * mib)))")"

  # Per sort or hash, in every process of every query: three of them in each connection and worker must fit in what
  # is left. 1 MB holds the top k of a scan even in the smallest container.
  size work_mem "$(maximum $mib $(((memory - shared_buffers) / ((connections + workers) * 3) / mib * mib)))"
  if ((bytes >= memory)); then
    fail "$origin=$text does not fit into the memory limit of $((memory / mib)) MB. Lower it."
  fi
  print_size work_mem "$bytes"
  work_mem="$bytes"
}

# glibc gives the memory of a sort back to the kernel after each query, and the next query of that session faults it in
# again, page by page: half the time of a search by IVFFlat in a virtual machine. A session may keep what its three
# sorts may use, for which work_mem was computed. glibc takes at most 32 MB as the size from which it maps apart, and
# drops its own rule for both where one is set.
print_environment() {
  printf 'MALLOC_TRIM_THRESHOLD_=%d\n' $((3 * work_mem))
  printf 'MALLOC_MMAP_THRESHOLD_=%d\n' "$(minimum "$work_mem" $((32 * mib)))"
}

print_workers() {
  local workers="$1" per_gather="$2"
  # Eight beyond the parallel ones, PostgreSQL's default for all: extensions, logical replication. Without the
  # room, max_parallel_workers would promise what is silently not there.
  printf 'max_worker_processes=%d\n' $((workers + 8))
  printf 'max_parallel_workers=%d\n' "$workers"
  printf 'max_parallel_workers_per_gather=%d\n' "$per_gather"
  printf 'max_parallel_maintenance_workers=%d\n' "$(minimum "$per_gather" "$workers")"
}

print_fixed() {
  # Exact scans over many rows have plan costs far above jit_above_cost; compiling then costs more than it saves.
  echo jit=off
  # Solid-state storage and cached data: with the default of 4 the planner shuns index scans that are faster.
  echo random_page_cost=1.1
  # Requests a solid-state disk serves at once; read-ahead of bitmap scans.
  echo effective_io_concurrency=200
  echo checkpoint_timeout=15min
}

# Parts of the disk, so that the log never fills it.
print_log() {
  # Loading vectors writes gigabytes of log: with the default of 1 GB checkpoints would follow each other at once.
  local wal=$((4 * gib))
  # A standby or a replica that went away must not fill the disk of the primary.
  local kept=$((16 * gib))
  if [[ -n "$disk" ]]; then
    wal="$(minimum "$wal" "$(maximum $((128 * mib)) $((disk / 10)))")"
    kept="$(minimum $((64 * gib)) "$(maximum $((512 * mib)) $((disk / 4)))")"
  fi
  printf 'max_wal_size=%dMB\n' $((wal / mib))
  printf 'max_slot_wal_keep_size=%dMB\n' $((kept / mib))
}

main() {
  memory='' milli_cpus='' shm='' disk='' cgroup=/sys/fs/cgroup membership=/proc/self/cgroup print=parameters work_mem=''
  read_arguments "$@"
  if [[ -z "$memory" ]]; then detect_memory; fi
  if [[ -z "$milli_cpus" ]]; then detect_cpus; fi
  if [[ -z "$shm" ]]; then detect_shm; fi
  if ((memory < 64 * mib)); then fail "a memory limit of $memory bytes is too small for PostgreSQL. Give it 64 MB or more."; fi

  local cpus=$(((milli_cpus + 999) / 1000)) workers per_gather
  count max_parallel_workers "$(maximum 1 "$cpus")"
  workers="$number"
  # The leader scans too, so one worker less than processors uses all of them. An exact scan is bound by memory
  # bandwidth, which eight processes exhaust; more would only keep other queries waiting.
  count max_parallel_workers_per_gather "$(minimum "$(maximum 0 $((cpus - 1)))" 8)"
  per_gather="$number"
  count max_connections 100

  if [[ "$print" == environment ]]; then
    print_memory "$workers" "$number" >/dev/null
    print_environment
    return
  fi
  print_memory "$workers" "$number"
  print_workers "$workers" "$per_gather"
  print_fixed
  print_log
}

main "$@"
