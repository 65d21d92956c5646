#!/bin/sh
# Makes the user of a service and installs its packages. Arguments: user name, uid (also the gid), packages.
set -eu

user="$1"
uid="$2"
shift 2
export DEBIAN_FRONTEND=noninteractive

# Fixed before a package makes its own: volumes, secrets and `user:` rely on the number.
groupadd --gid "$uid" "$user"
useradd --uid "$uid" --gid "$user" --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$user"

apt-get update
apt-get install -y --no-install-recommends "$@"

# ssl-cert makes a key pair when it is installed: every container would share a key that the image publishes.
rm -f /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log

# Nothing here changes its user, so nothing may.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
