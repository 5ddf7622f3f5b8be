"""The real daemons of the lab: chronoknock's server, chronyd, sshd and a web server."""

import getpass
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

from netns import wait_for


def _tool(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not found:
        raise FileNotFoundError(f"{name} is needed: etc/packages.sh test installs it")
    return found


def faketime_env(fake):
    """The environment in which a program's system clock is off: "-100s", "+1h", "@2036-02-07 06:28:10"."""
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise FileNotFoundError("libfaketime is needed: etc/packages.sh test installs it")
    # Only what time it is is faked: waiting takes as long as ever.
    return {"LD_PRELOAD": str(found[0]), "FAKETIME": fake, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1"}  # 0.9.10 of Debian 13 makes up the times of statx(2), too


def start_chronyd(host, port=123, fake=None, extra="", name="chronyd"):
    """A stratum 1 time server on a host that never touches the clock, wrong by `fake` if given
    ("-100s"); `extra` is more of its configuration. Returns once it answers."""
    folder = host.home / name
    folder.mkdir(exist_ok=True)
    config = folder / "chrony.conf"
    config.write_text(f"""
local stratum 1
allow all
port {port}
cmdport 0
bindcmdaddress /
pidfile {folder}/pid
{extra}
""", encoding="utf-8")
    process = host.spawn([_tool("chronyd"), "-d", "-x", "-u", getpass.getuser(), "-f", config],
                         log=folder / "log", env=faketime_env(fake) if fake else None)
    wait_for(lambda: _answers_ntp(host, port), f"chronyd to answer; it said:\n{process.text()}")
    return process


def _answers_ntp(host, port):
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        try:
            s.sendto(b"\x23" + bytes(39) + b"asked-at", ("127.0.0.1", port))
            return len(s.recv(512)) >= 48
        except OSError:
            return False


def start_sshd(host, port=22):
    """OpenSSH on a host, with keys of its own. Its user logs in by ssh_argv()."""
    folder = host.home / "sshd"
    folder.mkdir()
    for name in ("host", "user"):
        subprocess.run([_tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config = folder / "config"
    config.write_text(f"""
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
MaxStartups 500
Subsystem sftp internal-sftp
# A bash that sshd starts reads ~/.bashrc, and would say what is said there, unless it is another shell's child.
SetEnv SHLVL=1
""", encoding="utf-8")
    process = host.spawn([_tool("sshd"), "-D", "-e", "-f", config], log=folder / "log")
    process.identity = folder / "user"
    process.wait_for_text("Server listening")
    return process


def ssh_argv(sshd, target, *command, port=22):
    return [_tool("ssh"), "-F", "none", "-i", sshd.identity, "-p", str(port), "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            f"{getpass.getuser()}@{target}", *command]


class Session:
    """A live ssh session that runs cat: what is said comes back for as long as the connection lives."""

    def __init__(self, client, sshd, target):
        self.log = client.home / "session.log"
        self._process = client.spawn(ssh_argv(sshd, target, "cat"), log=self.log, stdin=subprocess.PIPE)
        self._said = 0

    def echoes(self, seconds=20.0):
        """Says something new and waits until it comes back."""
        self._said += 1
        word = f"word-{self._said}-over-ssh"
        self._process.stdin.write(word.encode() + b"\n")
        self._process.stdin.flush()
        self._process.wait_for_text(word, seconds)
        return True


# Python's own server queues five connections: with a busy machine an open door would look shut.
_HTTP = """
import functools, http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family, request_queue_size = socket.AF_INET6, 1024
http.server.SimpleHTTPRequestHandler.protocol_version = "HTTP/1.1"
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
Server(("::", int(sys.argv[2])), handler).serve_forever()
"""


def start_http(host, port, name="http"):
    """Python's web server, over both families; connections are kept alive."""
    folder = host.home / f"{name}-{port}"
    folder.mkdir()
    (folder / "index.html").write_text("behind the door\n", encoding="ascii")
    process = host.spawn([sys.executable, "-c", _HTTP, folder, port], log=host.home / f"{name}-{port}.log")
    wait_for(lambda: host.door("127.0.0.1", port) == "open", f"the web server; it said:\n{process.text()}")
    return process


class Chronoknock:
    """The server under test, its configuration and its state.

    services: name -> text of its section; keys: name -> (key file, services[, more fields]);
    sections: "time", "knock", "firewall", "capture" -> text, instead of the defaults;
    launcher: what to run instead of the program, before its arguments.
    """

    def __init__(self, lab, host, services, keys, sections=None, start=True, state=None, launcher=None):
        self.lab, self.host = lab, host
        self.launcher = launcher or [lab.program]
        self.folder = host.home / "chronoknock"
        self.folder.mkdir(exist_ok=True)
        self.config = host.home / "chronoknock.ini"  # not among what the server's user writes
        self.state = pathlib.Path(state) if state else self.folder / "state.db"
        self.control = self.folder / "control.sock"
        self.process = None
        self.write(services, keys, sections)
        if start:
            self.start()

    def write(self, services, keys, sections=None):
        """Writes the configuration; a running server takes it up by reload()."""
        sections = dict(sections or {})
        lines = [f"[server]\nstate = {self.state}\ncontrol = {self.control}\n{sections.pop('server', '')}"]
        lines += [f"[{name}]\n{text}" for name, text in sections.items()]
        lines += [f"[service.{name}]\n{text}" for name, text in services.items()]
        for name, (path, allowed, *more) in keys.items():
            lines.append(f"[key.{name}]\nfile = {path}\nservices = {allowed}\n" + "\n".join(more))
        self.config.write_text("\n\n".join(lines) + "\n", encoding="utf-8")

    def start(self, env=None, wait=True):
        """Starts the server and waits until it answers `status`."""
        self.process = self.host.spawn([*self.launcher, "server", "--config", self.config],
                                       log=self.folder / "log", env=env)
        if wait:
            wait_for(self._up, "the server to answer", 20)
        return self

    def _up(self):
        if not self.process.alive():
            raise AssertionError(f"the server ended:\n{self.log()}")
        return self.host.run([self.lab.program, "status", "--control", self.control], check=False).returncode == 0

    def status(self):
        """What `status --json` says."""
        return json.loads(self.host.run([self.lab.program, "status", "--json", "--control", self.control]).stdout)

    def log(self):
        """Everything its runs have logged so far."""
        return self.process.text() if self.process else ""

    def wait_log(self, what, seconds=10.0, count=1):
        """Waits until the log holds a text so many times."""
        return wait_for(lambda: self.log().count(what) >= count and self.log(),
                        f"{count} times {what!r} in the log", seconds)

    def count_log(self, what, wanted, seconds=10.0):
        """How often the log holds a text, waiting until that is so often at least: a door opens before its line is
        written."""
        self.wait_log(what, seconds, wanted)
        return self.log().count(what)

    def grant_set(self, service, version):
        """The name of the set that holds the service's grants, IP version 4 or 6."""
        listed = self.host.run(["nft", "-t", "list", "table", "inet", "chronoknock"]).stdout
        return re.search(rf"set (grant{version}_(\d+_)?{service}(\.\w+)?) ", listed).group(1)

    def reload(self):
        self.process.send(signal.SIGHUP)

    def stop(self):
        return self.process.stop()

    def sigkill(self):
        self.process.stop(signal.SIGKILL)

    def restart(self, env=None):
        self.start(env)
        return self
