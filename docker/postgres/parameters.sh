#!/usr/bin/env bash
# Prints the server parameters that do not depend on the machine, as `name=value` lines. A bench runs with the same,
# so that their cost is measured; only what needs the stack's certificates is left out there (SIMDGRES_STACK=off).
set -Eeuo pipefail

readonly library="${SIMDGRES_LIBRARY:-/usr/local/lib/simdgres}"

print_durability() {
  # Logical, so that an upgrade by logical replication needs no restart first. Measured against replica with pgbench
  # and with inserts of vectors: 2 % more log for updates, nothing for inserts.
  echo wal_level=logical
  # Cannot be turned on without a restart. The script archives nothing while there is no repository.
  echo archive_mode=on
  # pgBackRest refuses a command that does not have its name in it.
  echo "archive_command=bash $library/pgbackrest-push.sh %p"
  # Without it, the log of a quiet database stays out of the archive until 16 MB are full.
  echo archive_timeout=300
}

print_logging() {
  # To stderr: the container's log driver stores and rotates it.
  echo log_connections=on
  echo log_disconnections=on
  echo log_checkpoints=on
  echo log_lock_waits=on
  echo log_replication_commands=on
  echo log_statement=ddl
  echo 'log_line_prefix=%m [%p] %q%u@%d %a '
  # DDL is logged above; what it misses are grants and roles changed inside functions.
  echo pgaudit.log=role
}

print_statistics() {
  echo shared_preload_libraries=pg_stat_statements,pgaudit
  # Would keep the text of ALTER ROLE ... PASSWORD for every monitor to read.
  echo pg_stat_statements.track_utility=off
  # Costs two readings of the clock for each block read; tells slow storage from slow plans.
  echo track_io_timing=on
}

print_security() {
  echo password_encryption=scram-sha-256
  if [[ "${SIMDGRES_STACK:-off}" != on ]]; then return; fi
  echo ssl=on
  echo ssl_cert_file=/run/secrets/tls.crt
  echo ssl_key_file=/run/secrets/tls.key
  echo ssl_ca_file=/run/secrets/ca.crt
  echo ssl_min_protocol_version=TLSv1.2
  echo "hba_file=$library/pg_hba.conf"
}

print_durability
print_logging
print_statistics
print_security
