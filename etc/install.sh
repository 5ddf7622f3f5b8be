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

for package in chronoknock chronoknock-client; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  case $status in
    '' | not-installed | config-files) ;;
    *) echo "etc/install.sh: the Debian package $package is $status: that is apt's to upgrade and to remove" >&2; exit 1 ;;
  esac
done

program=/usr/bin/chronoknock
units=/etc/systemd/system
folder=/etc/chronoknock
share=/usr/local/share
completions() { # of a shell: where it looks for them
  case $1 in
    bash) echo $share/bash-completion/completions/chronoknock ;;
    zsh) echo $share/zsh/site-functions/_chronoknock ;;
    fish) echo /usr/share/fish/vendor_completions.d/chronoknock.fish ;; # it looks into no folder of /usr/local
  esac
}
systemd() { [ ! -d /run/systemd/system ] || systemctl "$@"; }

if [ "$role" = remove ]; then
  for unit in chronoknock chronoknock-guard; do
    systemd disable --now "$unit" 2>/dev/null || true # it may not be there
  done
  systemd stop chronoknock-helper.socket 2>/dev/null || true
  # The guard outlasts its server, so that stopping one opens nothing; without a program nobody could open it.
  # The second name is the guard's where another process owns the first.
  guarded() { nft list table inet chronoknock >/dev/null 2>&1 || nft list table inet chronoknock_2 >/dev/null 2>&1; }
  if ! nft list tables >/dev/null 2>&1; then
    echo "etc/install.sh: nft does not say whether the guard stands: is there no nft?" >&2
    exit 1
  elif guarded; then
    for table in chronoknock chronoknock_2; do nft delete table inet $table 2>/dev/null || true; done
    sleep 1
    if guarded; then
      echo "etc/install.sh: a server is running yet, and has put the guard back: stop it first (docker compose down)" >&2
      exit 1
    fi
    echo "the guard is gone: what it guarded is open"
  fi
  rm -f "$program" "$units/chronoknock.service" "$units/chronoknock-guard.service" \
    "$units/chronoknock-helper.socket" "$units/chronoknock-helper@.service" "$share"/man/man?/chronoknock* \
    "$(completions bash)" "$(completions zsh)" "$(completions fish)"
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
for page in etc/man/*.scd; do
  name=$(basename "$page" .scd)
  install -d "$share/man/man${name##*.}"
  scdoc <"$page" >"$share/man/man${name##*.}/$name"
done
for shell in bash zsh fish; do
  file=$(completions "$shell")
  install -d "$(dirname "$file")"
  "$program" completions "$shell" >"$file"
done

if [ "$role" = server ]; then
  # Who the server is.
  id -u chronoknock >/dev/null 2>&1 ||
    useradd --system --user-group --home-dir /var/lib/chronoknock --no-create-home --shell /usr/sbin/nologin chronoknock
  install -d -m 755 "$folder"
  install -d -m 700 "$folder/keys" "$folder/conf.d"
  [ -e "$folder/chronoknock.ini" ] || install -m 600 etc/chronoknock.ini "$folder/chronoknock.ini"
  if [ -d /run/systemd/system ]; then
    install -m 644 etc/chronoknock.service etc/chronoknock-guard.service etc/chronoknock-helper.socket \
      etc/chronoknock-helper@.service "$units"
    systemctl daemon-reload
    if systemctl is-active -q chronoknock; then
      # What would not serve must not take the place of a server that does: nobody would get in.
      kept() { echo "etc/install.sh: the old server goes on until it is restarted${1:+: $1}" >&2; exit 1; }
      unit() { systemctl show -p "$1" --value chronoknock; }
      case $(unit ExecStart) in
        *--helper*) ;;
        *) kept "ExecStart= of a drop-in (systemctl cat chronoknock) lacks --helper /run/chronoknock-helper.sock" ;;
      esac
      user=$(unit User)
      config=$(unit ExecStart | sed -n 's/.* --config[= ]\([^ ;]*\).*/\1/p')
      "$program" check --config "${config:-$folder/chronoknock.ini}" --as "${user:-root}" >/dev/null || kept
      systemctl restart chronoknock
    fi
  else
    echo "there is no systemd: have your init run chronoknock guard at boot and keep chronoknock server running"
  fi
  # Where earlier versions were, and their unit.
  if [ ! /usr/sbin -ef /usr/bin ]; then rm -f /usr/sbin/chronoknock; fi
  echo "installed; next: sudo chronoknock invite NAME --service ssh --host THIS_HOST"
  grep -q '^include' "$folder/chronoknock.ini" ||
    echo "for that $folder/chronoknock.ini needs the line 'include = conf.d/*.ini' in [server]"
else
  echo "installed; next: chronoknock profile add NAME"
fi
