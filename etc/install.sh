#!/usr/bin/env bash
# Builds and installs from this tree: sudo etc/install.sh server, or client. The program goes to /usr/bin; for a
# server its units too, and folders and a sample configuration in /etc/chronoknock, where there are none yet. It
# starts nothing. Again, after a `git pull`, it upgrades: configuration and keys stay, and so does what is open.
# sudo etc/install.sh remove takes the program and the units away, and leaves /etc/chronoknock and
# /var/lib/chronoknock.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
role=${1:-}
case $role in server | client | remove) ;; *) echo "usage: sudo etc/install.sh server|client|remove" >&2; exit 2 ;; esac
[ "$(id -u)" = 0 ] || { echo "etc/install.sh: needs root: sudo etc/install.sh $role" >&2; exit 1; }

program=/usr/bin/chronoknock
units=/etc/systemd/system
folder=/etc/chronoknock
systemd() { [ ! -d /run/systemd/system ] || systemctl "$@"; }

if [ "$role" = remove ]; then
  if [ -d /run/systemd/system ]; then
    systemctl disable --now chronoknock chronoknock-guard 2>/dev/null || true
  fi
  # The guard outlasts its server, so that stopping one opens nothing; without a program nobody could open it.
  nft delete table inet chronoknock 2>/dev/null && echo "the guard is gone: what it guarded is open"
  rm -f "$program" "$units/chronoknock.service" "$units/chronoknock-guard.service"
  systemd daemon-reload
  echo "left: $folder, /var/lib/chronoknock"
  exit
fi

etc/packages.sh build run
# What is built belongs to whoever the tree belongs to, not to root.
owner=$(stat -c %U .)
as_owner() { case $owner in root | UNKNOWN) "$@" ;; *) runuser -u "$owner" -- "$@" ;; esac; }
as_owner cmake -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
as_owner cmake --build build
# By a new file: the running server keeps its own.
install -m 755 -s build/app/chronoknock "$program.new"
mv "$program.new" "$program"
rm -f /usr/sbin/chronoknock # where earlier versions were

if [ "$role" = server ]; then
  install -d -m 755 "$folder"
  install -d -m 700 "$folder/keys" "$folder/conf.d"
  [ -e "$folder/chronoknock.ini" ] || install -m 600 etc/chronoknock.ini "$folder/chronoknock.ini"
  install -m 644 etc/chronoknock.service etc/chronoknock-guard.service "$units"
  systemd daemon-reload
  if [ -d /run/systemd/system ] && systemctl is-active -q chronoknock; then systemctl restart chronoknock; fi
  echo "installed; next: chronoknock check, and chronoknock invite NAME --service ssh --host THIS_HOST"
else
  echo "installed; next: chronoknock profile add NAME"
fi
