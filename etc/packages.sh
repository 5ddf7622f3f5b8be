#!/usr/bin/env bash
# Installs the named sections of etc/packages: sudo etc/packages.sh build run
# apt is asked only when something is missing. With --list it prints the names and installs nothing.
set -euo pipefail

list=$(dirname "$(readlink -f "$0")")/packages
only_print=
if [ "${1:-}" = --list ]; then only_print=1; shift; fi
[ $# -gt 0 ] || { echo "usage: packages.sh [--list] SECTION..., one of: $(sed -n 's/^\[\(.*\)\].*/\1/p' "$list" | tr '\n' ' ')" >&2; exit 2; }

names=()
for section in "$@"; do
  grep -q "^\[$section\]" "$list" || { echo "packages.sh: no section [$section] in $list" >&2; exit 2; }
  mapfile -t -O ${#names[@]} names < <(sed -n "/^\[$section\]/,/^\[/p" "$list" | sed 's/#.*//; /^\[/d; s/[[:space:]]//g; /^$/d')
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
