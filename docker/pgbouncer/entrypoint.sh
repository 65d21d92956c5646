#!/usr/bin/env bash
# Composes PgBouncer's configuration from the environment and the mounted secrets, in memory, and starts it.
set -Eeuo pipefail
shopt -s inherit_errexit
umask 077

readonly run=/var/run/pgbouncer
readonly secrets=/run/secrets
readonly pool=/etc/pgbouncer/pool/databases.ini

fail() {
  printf 'pgbouncer: %s\n' "$1" >&2
  exit 1
}

require_file() {
  if [[ ! -r "$1" ]]; then
    fail "user $(id -u) cannot read $1. Run simdgres up, which makes it, or mount it readable by that user (chown $(id -u), chmod 0400)."
  fi
}

require_count() {
  if ! [[ "${!1:-}" =~ ^[1-9][0-9]{0,4}$ ]]; then fail "$1=${!1:-} is not a count. Write a whole number, for example 20."; fi
}

# A name that goes into a line of the configuration.
require_name() {
  if ! [[ "${!1:-}" =~ ^[A-Za-z_][A-Za-z0-9_-]*$ ]]; then fail "$1=${!1:-} is not a name of letters, digits, _ and -."; fi
}

# "user" "password", with quotes doubled as PgBouncer reads them.
print_user() {
  local password
  password="$(<"$secrets/$2")"
  printf '"%s" "%s"\n' "$1" "${password//\"/\"\"}"
}

print_settings() {
  cat <<SETTINGS
%include $pool

[pgbouncer]
listen_addr = *
listen_port = 6432
unix_socket_dir = $run
; Over the socket, the user of this process is administrator without a password.
unix_socket_mode = 0700
logfile =
pidfile =

; A server connection is held for a transaction, not for a session.
pool_mode = transaction
; Prepared statements survive the change of the server connection.
max_prepared_statements = 200
default_pool_size = $PGBOUNCER_POOL_SIZE
; Below max_connections (100), so that administrators, backups, exporters and standbys find a place.
max_db_connections = $PGBOUNCER_MAX_DB_CONNECTIONS
max_client_conn = $PGBOUNCER_MAX_CLIENT_CONN
; Drivers send these when they connect, also as \`-c name=value\` in options. A connection to the server is nobody's own, so
; they are ignored: ALTER ROLE app SET sets a limit for all. What would give other results (search_path) is refused.
ignore_startup_parameters = extra_float_digits,statement_timeout,lock_timeout,idle_in_transaction_session_timeout,idle_session_timeout,transaction_timeout

; Passwords stay in PostgreSQL: pooler may call one function that shows the verifier of one role.
auth_type = scram-sha-256
auth_file = $run/userlist.txt
auth_user = pooler
auth_dbname = $POSTGRES_DB
auth_query = SELECT name, verifier FROM pooler.find_user(\$1)
stats_users = stats

client_tls_sslmode = require
client_tls_cert_file = $secrets/tls.crt
client_tls_key_file = $secrets/tls.key
; Not to ask for certificates of clients: PgBouncer does not start without it.
client_tls_ca_file = $secrets/ca.crt
; TLS 1.2 and 1.3.
client_tls_protocols = secure
server_tls_sslmode = verify-full
server_tls_ca_file = $secrets/ca.crt
server_tls_protocols = secure

; After a failed login to the server, the default of 15 s would be an outage of its own.
server_login_retry = 1
server_connect_timeout = 5
; A client waits for the length of a restart or a switchover, not for ever; a pause is given up well before.
query_wait_timeout = 60
; Finds out within a minute that a peer is gone without a word.
tcp_keepidle = 30
tcp_keepintvl = 10
tcp_keepcnt = 3
SETTINGS
}

main() {
  local name
  for name in pooler_password stats_password tls.crt tls.key ca.crt; do require_file "$secrets/$name"; done
  require_file "$pool"
  require_name POSTGRES_DB
  for name in PGBOUNCER_POOL_SIZE PGBOUNCER_MAX_DB_CONNECTIONS PGBOUNCER_MAX_CLIENT_CONN; do require_count "$name"; done

  {
    print_user pooler pooler_password
    print_user stats stats_password
  } >"$run/userlist.txt"
  print_settings >"$run/pgbouncer.ini"
  exec pgbouncer "$run/pgbouncer.ini"
}

if [[ $# -gt 0 && "$1" != pgbouncer ]]; then exec "$@"; fi
main
