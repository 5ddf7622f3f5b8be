#!/usr/bin/env bash
# Tries the static client where there is nothing else, not even a C library: tests/support/empty_chroot.sh PROGRAM
# Names are looked up there as the C library's own DNS client does it, from resolv.conf and hosts; other sources of
# nsswitch.conf (LDAP, mDNS, systemd-resolved's own) need shared libraries.
set -euo pipefail
program=$(readlink -f "$1")
[ "$(id -u)" = 0 ] || { echo "empty_chroot.sh: chroot needs root" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
install -m 755 "$program" "$root/chronoknock"
if readelf -d "$program" | grep NEEDED; then
  echo "empty_chroot.sh: $program needs shared libraries" >&2
  exit 1
fi
there() { # a network of its own, of loopback alone
  # shellcheck disable=SC2016 # it is for the inner shell
  unshare --net sh -c 'ip link set lo up && exec chroot "$0" "$@"' "$root" /chronoknock "$@"
}
try() { # EXPECTED ARGUMENT...
  local expected=$1 said
  shift
  said=$(there "$@" 2>&1) || { echo "chronoknock $*: $said" >&2; exit 1; }
  grep -q -- "$expected" <<<"$said" || { echo "chronoknock $*: expected '$expected', not: $said" >&2; exit 1; }
}
there --version
try connect --help
mkdir -p "$root/etc" "$root/home"
echo '127.0.0.1 door.example' >"$root/etc/hosts"
export HOME=/home
for method in time-sequence sealed challenge otp static; do
  try '' keygen --method "$method" --out "/home/$method.key"
done
try '^[0-9 ]*$' sequence --key /home/time-sequence.key --ip 192.0.2.1 --at 1700000000
# Digests beside the usual ones come from OpenSSL's own tables, not from its modules.
try '' keygen --function hmac-blake2b512 --out /home/blake.key
try '^[0-9 ]*$' sequence --key /home/blake.key --ip 192.0.2.1 --at 1700000000
# By a name, which /etc/hosts has; the knock is remembered in the client's database.
try '' knock door.example --key /home/time-sequence.key --time-server none
[ -e "$root/home/.local/state/chronoknock/client.db" ]
try '' completions bash
echo "the static client works in an empty chroot: $(stat -c %s "$program") bytes"
