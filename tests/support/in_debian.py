#!/usr/bin/env python3
"""Runs a command in the tree as it is committed, in a Debian of its own with all that the build needs:

    sudo tests/support/in_debian.py trixie [--out FOLDER] COMMAND

The Debian (debootstrap's, kept in /var/cache/chronoknock-tests) stays as it is; what the command leaves in /out is in
FOLDER afterwards. COMMAND is one of the shell.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(SOURCE / "tests/e2e"))
from booted import builder  # noqa: E402

_RUN = r"""
set -e
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" overlay "$0/root"
root=$0/root
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc proc "$root/proc"
mkdir "$root/tree" "$root/out" "$root/ccache"
mount --bind "$2" "$root/out"
mount --bind "$3" "$root/ccache"
tar -x -C "$root/tree"
cd "$root"
pivot_root . mnt # not chroot: nsenter(1), and a systemd-nspawn, would be outside it
umount -l /mnt
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  CCACHE_DIR=/ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache sh -c "cd /tree && $4"
"""


def run(suite, command, out):
    """The exit status of a shell's command in the committed tree, in that Debian. out: a folder."""
    if subprocess.run(["git", "-C", SOURCE, "status", "--porcelain"], capture_output=True, check=True).stdout:
        print("in_debian.py: what is not committed is not there", file=sys.stderr)
    base = builder(suite)
    cache = base.with_name(f"{suite}-ccache")
    cache.mkdir(exist_ok=True)
    out = pathlib.Path(out).absolute()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="chronoknock-debian-", dir="/var/tmp") as over:
        with subprocess.Popen(["git", "-C", SOURCE, "archive", "HEAD"], stdout=subprocess.PIPE) as tree:
            done = subprocess.run(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c",
                                   _RUN, over, base, out, cache, command], stdin=tree.stdout, check=False)
        return tree.returncode or done.returncode


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("suite", choices=["bookworm", "trixie"])
    p.add_argument("--out", default=SOURCE / "build/out")
    p.add_argument("command", help="of the shell")
    options = p.parse_args()
    sys.exit(run(options.suite, options.command, options.out))


if __name__ == "__main__":
    main()
