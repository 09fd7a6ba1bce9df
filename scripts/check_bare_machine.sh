#!/usr/bin/env bash
# The two commands on a machine as a newcomer has it: a minimal Debian in a temporary folder, with Python and nothing else,
# as a user who is not root.
#
#   check_bare_machine.sh SUITE [COMMAND...]   SUITE: bookworm (Python 3.11), trixie (3.13), sid (3.14)
#
# What is committed here is cloned there, and COMMAND (default: both commands) runs in the clone; the exit status is its own.
# EXTRA names Debian packages to add: EXTRA=g++ for a machine with a compiler. Needs root, and debootstrap or apt-get.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
suite=${1:?usage: check_bare_machine.sh bookworm|trixie|sid [COMMAND...]}
shift
[ $# -gt 0 ] || set -- 'bash scripts/run.sh --limit 6400 && bash scripts/test.sh -q'
[ "$(id -u)" = 0 ] || { echo "check_bare_machine.sh: only root can make a machine in a folder."; exit 1; }
command -v debootstrap > /dev/null || { apt-get update -qq && apt-get -o DPkg::Lock::Timeout=300 install -y -qq debootstrap; } > /dev/null

machine=$(mktemp -d)
leave() {  # every file system that is mounted there goes first, so that removing the folder touches no device
    while read -r mounted; do umount -l "$mounted"; done < <(awk -v at="$machine/" 'index($2, at) == 1 { print $2 }' /proc/mounts)
    rm -rf --one-file-system "$machine"
}
trap leave EXIT
# From where this machine has its own packages, if it is a Debian.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } \
    | sed -n 's/^URIs: *\([^ ]*\/debian\)\/*$/\1/p; s/^deb .*\(https\{0,1\}:[^ ]*\/debian\)\/* .*/\1/p' | head -n 1)
include=python3,python3-venv,ca-certificates
log=$(mktemp)
debootstrap --variant=minbase --include="$include${EXTRA:+,${EXTRA// /,}}" "$suite" "$machine" ${mirror:+"$mirror"} > "$log" 2>&1 \
    || { tail -n 5 "$log"; rm "$log"; echo "check_bare_machine.sh: debootstrap could not make $suite."; exit 1; }
rm "$log"
chmod 755 "$machine"
mount -t proc proc "$machine/proc"
mount --bind /dev "$machine/dev"
cp /etc/resolv.conf /etc/hosts "$machine/etc/"
# The registry is reached as this machine reaches it: its certificates, and pip's settings.
cp -rL /etc/ssl/certs/. "$machine/etc/ssl/certs/" 2> /dev/null || true
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$machine/etc/"
mkdir -p "$machine/home/some one"
git clone -q "$root" "$machine/home/some one/gluon_bn"
settings=$(env | grep -E -i '^(pip_[a-z_]+|[a-z]+_proxy)=' | grep -v -i '^pip_find_links=' || true)
mapfile -t settings <<< "${settings:-LANG=C.UTF-8}"
chown -R 1000:1000 "$machine/home/some one"  # an ordinary user, not root
env -i HOME="/home/some one" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "${settings[@]}" \
    chroot --userspec=1000:1000 "$machine" bash -c "cd ~/gluon_bn && $*"
