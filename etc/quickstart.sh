#!/usr/bin/env bash
# See it work: builds the program, then lets a client knock at a guarded server, both in network namespaces of
# their own. sudo etc/quickstart.sh; it changes nothing outside build/ but the packages it installs. With
# --all-methods each way of knocking opens a door once, and what was heard of it is sent again.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
[ "$(id -u)" = 0 ] || { echo "etc/quickstart.sh: network namespaces need root: sudo etc/quickstart.sh" >&2; exit 1; }

demo=demo.py
case ${1:-} in
  '') ;;
  --all-methods) demo=demo_methods.py ;;
  *) echo "usage: sudo etc/quickstart.sh [--all-methods]" >&2; exit 2 ;;
esac

etc/packages.sh build run demo

# What is built belongs to whoever the tree belongs to, not to root.
owner=$(stat -c %U .)
as_owner() { case $owner in root|UNKNOWN) "$@" ;; *) runuser -u "$owner" -- "$@" ;; esac; }
as_owner cmake -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
as_owner cmake --build build

exec python3 -B "tests/e2e/$demo" build/app/chronoknock
