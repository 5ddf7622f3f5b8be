#!/usr/bin/env bash
# Installs the named sections of etc/packages: sudo etc/packages.sh build run
# apt is asked only when something is missing. With --list it prints the names and installs nothing; with
# --list --release trixie those of another Debian than this one.
set -euo pipefail

list=$(dirname "$(readlink -f "$0")")/packages
only_print=
if [ "${1:-}" = --list ]; then only_print=1; shift; fi
if [ "${1:-}" = --release ]; then
  release=${2:?expected the name of a release}
  shift 2
else
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
fi
sections=$(sed -n 's/^\[\([^]]*\)\].*/\1/p' "$list")
[ $# -gt 0 ] || { echo "usage: packages.sh [--list [--release NAME]] SECTION..., one of: ${sections//$'\n'/ }" >&2; exit 2; }
if grep -q '@' "$list" && ! grep -q "@$release\b" "$list"; then
  echo "packages.sh: $list knows nothing of the release '$release': $(grep -o '@[a-z]*' "$list" | sort -u | tr '\n' ' ')" >&2
  exit 1
fi

names=()
for section in "$@"; do
  grep -qx "$section" <<<"$sections" || { echo "packages.sh: no section [$section] in $list" >&2; exit 2; }
  mapfile -t -O ${#names[@]} names < <(awk -v section="[$section]" -v release="@$release" '
    { sub(/#.*/, "") }
    /^\[/ { within = $1 == section; next }
    within && NF && (NF == 1 || $2 == release) { print $1 }' "$list")
done
if [ "$only_print" ]; then printf '%s\n' "${names[@]}"; exit; fi

missing=()
for name in "${names[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

[ "$(id -u)" = 0 ] || { echo "packages.sh: run as root to install: ${missing[*]}" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
echo "Installing ${#missing[@]} packages: ${missing[*]}"
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
