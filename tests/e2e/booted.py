"""A host of the lab that boots: a Debian made by debootstrap, with systemd as its init, in systemd-nspawn.

The first one ever takes some minutes (apt's servers are asked); it is kept in /var/cache, as apt keeps its own. What a
test changes lies over it and ends with the test.
"""

import contextlib
import fcntl
import os
import pathlib
import platform
import shutil
import subprocess
import unittest

from netns import wait_for

_SOURCE = pathlib.Path(__file__).parents[2]
_CACHE = pathlib.Path("/var/cache/chronoknock-tests")
_MORE = ["systemd", "systemd-sysv", "dbus", "iproute2", "openssh-server"]

# Holds the disk, where what is written lies over the Debian, in memory; and the network namespace by a name.
_DISK = r"""
set -e
mount -t tmpfs disk "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" overlay "$0/root"
: >"$0/net"
mount --bind "$2" "$0/net"
echo ready
exec sleep infinity
"""

# $1 and what follows: cgroups of its own, since nspawn makes others beside the one it is in. An init outlives its
# nspawn, but not the pid namespace.
_BOOT = r"""
set -e
for c; do echo $$ >"$c/cgroup.procs"; done
exec unshare --pid --fork --kill-child --mount-proc systemd-nspawn -q --register=no --keep-unit --directory="$0/root" \
  --resolv-conf=off --timezone=off --capability=CAP_NET_ADMIN \
  --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" --network-namespace-path="$0/net" --console=pipe --boot
"""


def _hierarchies():
    """Where this machine's init, or whoever made it, has put processes: cgroups of version 1 or 2."""
    found = [h for h in map(pathlib.Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd")) if os.access(h / "cgroup.procs", os.W_OK)]
    if not found:
        raise unittest.SkipTest("no cgroup may be made here: systemd does not boot")
    return found


def packages_of(suite, *sections):
    """What a Debian needs: sections of etc/packages."""
    return subprocess.run([_SOURCE / "etc/packages.sh", "--list", "--release", suite, *sections], check=True,
                          capture_output=True, text=True).stdout.split()


def debian(suite=None, kind="", packages=()):
    """The folder of a Debian (this machine's release, for which the program was built) with what the program needs and
    nothing of ours; or one of another kind, with other packages. Made by the first who asks."""
    suite = suite or platform.freedesktop_os_release()["VERSION_CODENAME"]
    _CACHE.mkdir(mode=0o700, exist_ok=True)
    packages = sorted(packages or _MORE + packages_of(suite, "run"))
    base = _CACHE / f"{suite}{kind}"
    with open(_CACHE / f"lock-{base.name}", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made_of = base / "made-of"
        if made_of.exists() and made_of.read_text(encoding="ascii").split() == packages:
            return base
        for old in (base, base.with_suffix(".part")):
            shutil.rmtree(old, ignore_errors=True)
        part = base.with_suffix(".part")
        # Who depends on alternatives is apt's to install: debootstrap takes the first.
        tools = kind == "-tools"
        made = [["debootstrap", "--variant=minbase", *([] if tools else ["--include=" + ",".join(packages)]), suite, part]]
        if tools:
            made += [["chroot", part, "apt-get", "update", "-q"],
                     ["chroot", part, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y",
                      "--no-install-recommends", *packages]]
        for command in made:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise AssertionError(f"{command[0]} {suite}:\n{done.stdout[-2000:]}{done.stderr}")
        shutil.rmtree(part / "var/cache/apt/archives")
        (part / "made-of").write_text("\n".join(packages), encoding="ascii")
        part.rename(base)
    return base


def builder(suite):
    """The folder of a Debian in which the tree can be built, tested by units, and packaged."""
    return debian(suite, "-tools", {*packages_of(suite, "build", "unit", "run", "package"), "ccache"})


def fresh(suite):
    """The folder of a Debian as it is when it was just installed, with an sshd."""
    return debian(suite, "-fresh", _MORE)


class Booted:
    """Not yet booted at first: write() what it is to find."""

    def __init__(self, host, hosts=None, base=None):
        """hosts: name -> its addresses, as /etc/hosts has them. base: the folder of a Debian; debian()."""
        self.host = host
        self._base = host.home / "disk"
        self._base.mkdir()
        self._disk = host.spawn(["unshare", "--mount", "--propagation", "private", "sh", "-c", _DISK, self._base,
                                 base or debian(), host.path], log=host.home / "disk.log")
        self._disk.wait_for_text("ready")
        self._nspawn = self._init = None
        self._cgroups = []
        host.lab.keep(self)
        self.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join(
            f"{a} {name}\n" for name, addresses in (hosts or {}).items() for a in addresses))
        self.write("/etc/hostname", f"{host.name}\n")
        self.write("/usr/local/bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)

    def path(self, path):
        """Where a file of the disk is to be found from outside."""
        return f"/proc/{self._disk.pid}/root{self._base}/root{path}"

    def write(self, path, text, mode=0o644):
        file = self.path(path)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(file, mode)

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as f:
            return f.read()

    def boot(self):
        """Returns as soon as there is an init; see wait_unit()."""
        self._cgroups = [h / f"{self.host.lab.folder.name}-{self.host.name}" for h in _hierarchies()]
        for cgroup in self._cgroups:
            cgroup.mkdir(exist_ok=True)
        # Not in the host's network namespace: nspawn goes there itself.
        self._nspawn = self.host.spawn(["nsenter", "--target", self._disk.pid, "--mount", "sh", "-c", _BOOT, self._base,
                                        *self._cgroups], log=self.host.home / "boot.log")
        self._init = wait_for(self._find_init, lambda: f"an init; nspawn said:\n{self._nspawn.text()}", 30)

    def _find_init(self):
        if not self._nspawn.alive():
            raise AssertionError(f"systemd-nspawn ended:\n{self._nspawn.text()}")
        pids = [self._nspawn.pid]
        for pid in pids:
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == "/usr/lib/systemd/systemd":
                    return pid
                pids += pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return None

    def run(self, command, folder="/root", **options):
        """Runs a line of shell there, once it has booted."""
        return self.host.run(["nsenter", "--target", self._init, "--mount", "--pid", "--ipc", "--uts", "--", "env", "-i",
                              "-C", "/", "HOME=/root", "USER=root", "SHELL=/bin/sh", "TERM=dumb",
                              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                              "sh", "-c", f"cd {folder} && {command}"], **options)

    def unit(self, name, field):
        """What systemd says of a unit: ActiveState, MainPID, NRestarts..."""
        return self.run(f"systemctl show --value --property={field} {name}", check=False).stdout.strip()

    def wait_unit(self, name, state="active", seconds=60):
        wait_for(lambda: self.unit(name, "ActiveState") == state,
                 lambda: f"{name} to be {state}:\n{self.run(f'systemctl status --no-pager {name}', check=False).stdout}",
                 seconds, every=0.05)

    def halt(self):
        """Ends it as `poweroff` does."""
        self.run("systemctl poweroff --no-block")
        wait_for(lambda: not self._nspawn.alive(), "the machine to halt", 60)

    def close(self):
        """What outlives its processes: the cgroups, the innermost first."""
        if self._nspawn:
            self._nspawn.kill()
        for cgroup in self._cgroups:
            for inner in sorted((p.parent for p in cgroup.rglob("cgroup.procs")), reverse=True):
                def gone(path=inner):
                    with contextlib.suppress(OSError):
                        path.rmdir()
                    return not path.exists()
                wait_for(gone, f"{inner} to be empty")
