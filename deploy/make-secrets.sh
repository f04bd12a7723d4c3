#!/bin/sh
# Makes everything that must be secret, once:  ./make-secrets.sh [DIRECTORY]
#
#   sluice.toml    the app "demo" with the key that its login tokens are signed with; for logic alone
#   trunk-secret   what the roles prove to each other
#   keys.env       keys of the HTTP sides, password of Redis
#   redis.env      that password, for Redis itself
#
# The directory is the owner's alone; its files are readable, because the user inside a container is another one.
set -eu
directory=${1:-secrets}
if [ -e "$directory" ]; then
  echo "$directory is there already; nothing was changed" >&2
  exit 1
fi
random() { head -c 48 /dev/urandom | base64 | tr -d '=+/\n'; }
umask 022
mkdir -p "$directory"
chmod 700 "$directory"
redis_password=$(random)
cat > "$directory/sluice.toml" <<TOML
[[apps]]
id = "demo"
keys = [{ kid = "1", algorithm = "HS256", secret = "$(random)" }]
TOML
random > "$directory/trunk-secret"
cat > "$directory/keys.env" <<ENV
SLUICE_API_KEY=$(random)
SLUICE_ADMIN_KEY=$(random)
SLUICE_REDIS_PASSWORD=$redis_password
ENV
echo "REDIS_PASSWORD=$redis_password" > "$directory/redis.env"
echo "made $directory"
