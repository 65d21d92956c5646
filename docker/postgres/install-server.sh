#!/bin/sh
# Installs PostgreSQL, pgvector, pgAudit and pgBackRest for one major version. Argument: the major version.
#   17      the base image's own distribution (Debian trixie)
#   18      Debian's unstable suite
#   15, 16  the PostgreSQL project's archive (PGDG), where it can be reached
set -eu

major="$1"
export DEBIAN_FRONTEND=noninteractive

fail() {
  echo "install-server: $1" >&2
  exit 1
}

# The archive is the one the base image already uses; only the suite's name differs.
add_unstable_suite() {
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Codename: trixie' | head -n 1)
  [ -n "$uri" ] || fail "PostgreSQL 18 comes from Debian's unstable suite, but the base image has no Debian trixie source. Use BASE_IMAGE=debian:trixie-slim or PG_MAJOR=17."
  # Signatures are still checked. The Release file of unstable is valid for one week only, which mirrors and
  # snapshots of the archive overstep.
  echo "deb [check-valid-until=no] $uri sid main" > /etc/apt/sources.list.d/postgresql.list
  # Installed packages stay as they are unless PostgreSQL needs a newer one; new ones match the suite.
  echo 'APT::Default-Release "sid";' > /etc/apt/apt.conf.d/80postgresql
  apt-get update
}

add_pgdg() {
  apt-get install -y --no-install-recommends ca-certificates postgresql-common
  # The script of Debian's postgresql-common knows the archive's address, and the key that lies beside it.
  script=$(find /usr/share/postgresql-common/pgdg -name '*.sh' | head -n 1)
  [ -n "$script" ] || fail "this postgresql-common has no script for the PostgreSQL project's archive. Build PG_MAJOR=17."
  # Where it fails, the message below says what is missing.
  bash "$script" -y || true
  apt-cache show "postgresql-$major-pgvector" > /dev/null 2>&1 ||
    fail "PostgreSQL $major is not in Debian trixie and the PostgreSQL project's archive does not answer. Build PG_MAJOR=17 (or 18), or give the build access to that archive."
}

# Fixed before the package makes its own: volumes and --user rely on the number.
groupadd --gid 999 postgres
useradd --uid 999 --gid postgres --home-dir /var/lib/postgresql --no-create-home --shell /bin/bash postgres

# Read by Debian's postgresql-common: the entrypoint makes the cluster, in the volume.
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/no-main-cluster.conf

apt-get update
case "$major" in
  15 | 16) add_pgdg ;;
  17) ;;
  18) add_unstable_suite ;;
  *) fail "PG_MAJOR=$major is not supported. Use 15, 16, 17 or 18." ;;
esac

# xz-utils and zstd: compressed first-boot scripts. tini: the server's parent (see entrypoint.sh).
apt-get install -y --no-install-recommends \
  "postgresql-$major" "postgresql-$major-pgvector" "postgresql-$major-pgaudit" pgbackrest tini xz-utils zstd

# ssl-cert makes a key pair when it is installed: every container would share a key that the image publishes.
rm -f /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log /etc/postgresql /etc/pgbackrest.conf

install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data /var/lib/postgresql/data/pgdata /backups
install -d -o postgres -g postgres -m 3775 /var/run/postgresql
install -d /docker-entrypoint-initdb.d
chown postgres:postgres /var/lib/postgresql

# Nothing here changes its user, so nothing may.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
