"""A host of the lab with files of its own: what is installed, changed and removed there leaves the real machine as it is.

It sees the real one's files, and what it writes lies over them (overlayfs) until it ends.
"""

import contextlib
import fcntl
import os
import pty
import subprocess
import termios

from netns import wait_for

# The folder of the lab is everybody's; /run and /root are each machine's own, and empty.
_BEGIN = r"""
set -e
mount -t tmpfs -o mode=755 machine "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" overlay "$0/root"
for d in proc dev sys tmp; do mount --rbind "/$d" "$0/root/$d"; done
for d in run root; do mount -t tmpfs -o mode=700 "$d" "$0/root/$d"; done
chmod 755 "$0/root/run"
cd "$0/root"
exec chroot . sh -c 'echo ready; exec sleep infinity'
"""

# An init of two units, as far as install.sh and the README go: what is enabled or restarted the test starts.
_SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/systemctl.log
pid=$(cat /run/chronoknock.pid 2>/dev/null)
stop() {
  if [ -n "$pid" ]; then
    kill "$pid"
    while [ -e "/proc/$pid/exe" ]; do sleep 0.05; done  # a zombie has none
    rm /run/chronoknock.pid
  fi
}
case "$*" in
  "is-active -q chronoknock") [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null ;;
  "show "*) sed -n "s/^$3=//p" /etc/systemd/system/chronoknock.service ;;
  "disable --now chronoknock") stop ;;
  "restart chronoknock")
    stop
    : >/run/start.asked
    while [ -e /run/start.asked ]; do sleep 0.05; done ;;
esac
"""


class Machine:
    def __init__(self, host, hosts):
        """hosts: name -> its addresses, as /etc/hosts has them."""
        self.host = host
        base = host.home / "machine"
        base.mkdir()
        self._holder = host.spawn(["unshare", "--mount", "--propagation", "private", "sh", "-c", _BEGIN, base],
                                  log=host.home / "machine.log")
        self._holder.wait_for_text("ready")
        self.root = f"/proc/{self._holder.pid}/root"
        self.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join(
            f"{a} {name}\n" for name, addresses in hosts.items() for a in addresses))
        self.write("/usr/local/bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)

    def write(self, path, text, mode=0o644):
        file = self.root + path
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(file, mode)

    def read(self, path):
        with open(self.root + path, encoding="utf-8") as f:
            return f.read()

    def has(self, path):
        return os.path.lexists(self.root + path)

    def argv(self, command, folder="/root"):
        """What runs a line of shell here."""
        return ["nsenter", "--target", self._holder.pid, "--mount", "--root", "--", "env", "-i", "-C", "/", "HOME=/root",
                "USER=root", "SHELL=/bin/sh", "TERM=dumb",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", f"cd {folder} && {command}"]

    def run(self, command, folder="/root", **options):
        return self.host.run(self.argv(command, folder), **options)

    def type(self, command, typed, folder="/root", prompt=b"): "):
        """Runs a line at a terminal, and types an answer at its prompt. Returns what the terminal showed."""
        master, slave = pty.openpty()

        def at_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            self.host._enter()
        process = subprocess.Popen([str(a) for a in self.argv(command, folder)], stdin=slave, stdout=slave, stderr=slave,
                                   preexec_fn=at_terminal)
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # the other side has closed
            while prompt not in shown:
                shown += os.read(master, 4096)
            os.write(master, typed.encode() + b"\n")
            while more := os.read(master, 4096):
                shown += more
        status = process.wait(20)
        os.close(master)
        if status != 0:
            raise AssertionError(f"{command}: exit status {status}\n{shown.decode(errors='replace')}")
        return shown.decode()

    def add_init(self):
        self.write("/usr/local/bin/systemctl", _SYSTEMCTL, 0o755)
        os.mkdir(self.root + "/run/systemd")
        os.mkdir(self.root + "/run/systemd/system")

    def run_restarting(self, command, folder="/root"):
        """Runs a line of shell that has systemd restart the server. Returns the server's new process."""
        process = self.host.spawn(self.argv(command, folder), log=self.host.home / "restarting.log")
        started = []

        def ended():
            if self.has("/run/start.asked"):
                started.append(self.start_enabled("chronoknock"))
                os.unlink(self.root + "/run/start.asked")
            return not process.alive()
        wait_for(ended, f"{command} to end", 60)
        if process.stop() != 0 or len(started) != 1:
            raise AssertionError(f"{command}: restarted {len(started)} times; it said:\n{process.text()}")
        return started[0]

    def start_enabled(self, unit):
        """Does what systemd would for `enable --now`: runs the unit's commands."""
        lines = self.read(f"/etc/systemd/system/{unit}.service").splitlines()
        commands = {key: [x.split("=", 1)[1].lstrip("-+!") for x in lines if x.startswith(key + "=")]
                    for key in ("ExecStartPre", "ExecStart")}
        self.run("mkdir -p -m 700 /var/lib/chronoknock && mkdir -p /run/chronoknock")
        for command in commands["ExecStartPre"]:
            self.run(command, check=False)
        command, = commands["ExecStart"]
        command = command.partition(" --helper ")[0]  # there is no systemd to start one
        process = self.host.spawn(self.argv("exec " + command), log=self.host.home / f"{unit}.log")
        self.write("/run/chronoknock.pid", f"{process.pid}\n")
        wait_for(lambda: self.run("chronoknock status", check=False).returncode == 0,
                 f"{unit} to answer; it said:\n{process.text()}")
        return process
