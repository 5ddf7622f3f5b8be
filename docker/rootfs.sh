#!/bin/sh
# Lays out a root folder of some programs and what they need: docker/rootfs.sh FOLDER PROGRAM...
set -eu
root=$1
shift
copy() {
  for file; do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
}
for program; do
  copy "$program"
  for library in $(ldd "$program" | grep -o '/[^ ]*'); do copy "$library"; done
done
# Names and users by files, hosts by files and DNS: the C library does that by itself.
grep -E '^(root|nobody|chronoknock):' /etc/passwd >"$root/passwd"
grep -E '^(root|nogroup|chronoknock):' /etc/group >"$root/group"
mkdir -p "$root/etc" "$root/tmp" "$root/run" "$root/proc" "$root/sys" "$root/dev" "$root/root"
mv "$root/passwd" "$root/group" "$root/etc"
chmod 1777 "$root/tmp"
printf 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\n' >"$root/etc/nsswitch.conf"
# Certificates of time servers, and where OpenSSL looks for them.
mkdir -p "$root/usr/lib/ssl" "$root/etc/ssl/certs"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs"
cp /etc/ssl/openssl.cnf "$root/etc/ssl"
ln -s /etc/ssl/certs "$root/usr/lib/ssl/certs"
ln -s /etc/ssl/openssl.cnf "$root/usr/lib/ssl/openssl.cnf"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
