"""Under a real systemd: what stands before the network, what comes late, what an upgrade leaves."""

import json
import pathlib
import shutil
import threading
import time
import unittest

from booted import Booted
from dnslab import start_nsd
from lab import Lab, start_chronyd, wait_for

_SOURCE = pathlib.Path(__file__).parents[2]
_CLOCK = "clock.example.org"

# Tells what a network that comes up finds; sshd's socket listens long before that.
_WITNESS = """
[Unit]
DefaultDependencies=no
After=network-pre.target
Before=systemd-networkd.service network.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'nft list tables >/run/before-network'
[Install]
WantedBy=multi-user.target
"""


class Watch:
    """Tries a door without pause, in a thread, and keeps what it met."""

    def __init__(self, host, target, port=22):
        self.met = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(host, target, port))
        self._thread.start()

    def _run(self, host, target, port):
        while not self._ended.is_set():
            try:
                self.met.add(host.door(target, port, seconds=0.02))
            except OSError:  # no route yet
                self.met.add("away")
                time.sleep(0.005)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()


class Booting(unittest.TestCase):
    """A server that is installed, and not yet booted again."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.server, self.client, self.stranger = (self.lab.host(n) for n in ("server", "client", "stranger"))
        self.machine = Booted(self.server)
        self.key = self.lab.key("alice")
        self.install()

    def install(self):
        """As somebody does who has built it: install.sh, a configuration, a key, the unit enabled; all in a first boot."""
        machine = self.machine
        for name in ("cmake", "scdoc", "strip"):  # it is built
            machine.write(f"/usr/local/bin/{name}", "#!/bin/sh\nexit 0\n", 0o755)
        shutil.copytree(_SOURCE / "etc", machine.path("/root/chronoknock/etc"))
        machine.write("/root/chronoknock/etc/packages.sh", "#!/bin/sh\nexit 0\n", 0o755)  # installed by debootstrap
        self.build()
        machine.boot()
        machine.wait_unit("multi-user.target")
        machine.run("etc/install.sh server", folder="/root/chronoknock")
        machine.write("/etc/chronoknock/keys/alice.key", self.key.read_text(), 0o600)
        self.configure()
        machine.run("systemctl disable -q ssh.service && systemctl enable -q ssh.socket chronoknock")
        machine.halt()

    def build(self):
        built = pathlib.Path(self.machine.path("/root/chronoknock/build/app/chronoknock"))
        built.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.lab.program, built)

    def configure(self, servers="", capture="any", control_group=""):
        self.machine.write("/etc/chronoknock/chronoknock.ini", f"""
[server]
control_group = {control_group}
[capture]
interface = {capture}
[time]
servers = {servers}
[knock]
tracked = 1024
[service.ssh]
ports = tcp/22
open_for = 60
[key.alice]
file = keys/alice.key
services = ssh
""", 0o600)

    def status(self):
        return json.loads(self.machine.run("chronoknock status --json").stdout)

    def grants(self):
        return [(g["address"], g["service"]) for g in json.loads(self.machine.run("chronoknock grants --json").stdout)["list"]]

    def await_server(self):
        wait_for(lambda: self.machine.run("chronoknock status", check=False).returncode == 0,
                 lambda: "the server to answer:\n" + self.machine.run("journalctl --no-pager -u chronoknock").stdout, 30)

    def knock_until_open(self):
        def tried():
            self.client.knock(self.server, self.key, "ssh")
            return self.client.door(self.server.ip4, 22) == "open"
        wait_for(tried, "a knock to open the door", 30)

    def configured_by_networkd(self):
        """From now on the machine itself brings its interface up, as its init comes to it."""
        n = self.server.number
        self.machine.write("/etc/systemd/network/eth0.network", f"""
[Match]
Name=eth0
[Network]
Address={self.server.ip4}/24
Address={self.server.ip6}/64
Gateway=10.77.{n}.1
Gateway=fd77:{n}::1
IPv6AcceptRA=no
""")
        self.machine.write("/etc/systemd/system/witness.service", _WITNESS)
        for target, unit in (("multi-user.target.wants", "/etc/systemd/system/witness.service"),
                             ("multi-user.target.wants", "/lib/systemd/system/systemd-networkd.service")):
            link = pathlib.Path(self.machine.path(f"/etc/systemd/system/{target}/{pathlib.Path(unit).name}"))
            link.symlink_to(unit)

    def boot_watched(self):
        """A boot whose network comes up by itself; returns what a stranger met at the door, from before to after."""
        self.server.run(["ip", "addr", "flush", "dev", "eth0"])
        self.server.run(["ip", "link", "set", "eth0", "down"])
        with Watch(self.stranger, self.server.ip4) as by4, Watch(self.stranger, self.server.ip6) as by6:
            self.machine.boot()
            self.machine.wait_unit("multi-user.target")
            for address in (self.server.ip4, self.server.ip6):
                wait_for(lambda a=address: self.stranger.door(a, 1, seconds=0.2) == "refused",
                         f"{address} to be there", 30)
        return by4.met | by6.met

    def of(self, path):
        """Owner, group and mode of a file there."""
        return self.machine.run(f"stat -c %U:%G:%a {path}").stdout.strip()


class Boot(Booting):
    def test_what_the_server_gives_up(self):
        machine = self.machine
        machine.boot()
        machine.wait_unit("chronoknock")
        self.await_server()
        for ended in ("server", "helper"):
            rights = self.status()["privileges"]
            self.assertEqual((rights["user"], rights["capabilities"], rights["packet_sockets_by"]),
                             ("chronoknock", ["net_admin"], "helper"))
            self.assertTrue(rights["seccomp"])
            self.assertGreaterEqual(rights["landlock"], 1)
            pid = machine.unit("chronoknock", "MainPID")
            machine.run(f"kill -9 {pid if ended == 'server' else rights['helper']}")
            wait_for(lambda: machine.unit("chronoknock", "MainPID") not in (pid, "0"), f"a server after its {ended}")
            self.await_server()
        owners = machine.run("stat -c '%U %G %a %n' /var/lib/chronoknock /var/lib/chronoknock/*").stdout.splitlines()
        self.assertIn("root chronoknock 1770 /var/lib/chronoknock", owners)
        self.assertIn("root root 600 /var/lib/chronoknock/guard.nft", owners)
        self.assertIn("chronoknock chronoknock 600 /var/lib/chronoknock/state.db", owners)
        doubts = machine.run("chronoknock check --online --config /etc/chronoknock/chronoknock.ini", check=False).stderr
        self.assertNotIn("/var/lib/chronoknock", doubts)
        machine.run("systemctl reload chronoknock")
        self.knock_until_open()
        machine.run("systemd-analyze security --threshold=15 chronoknock.service")  # 1.5 of 10

    def test_the_guard_stands_before_the_network(self):
        self.configured_by_networkd()
        met = self.boot_watched()
        self.assertNotIn("open", met)
        self.assertIn("silent", met)
        self.assertIn("chronoknock", self.machine.run("cat /run/before-network").stdout)
        self.await_server()
        self.knock_until_open()
        self.machine.halt()

        # With a configuration that was spoilt since: the last good guard.
        self.machine.write("/etc/chronoknock/chronoknock.ini", "[service.ssh]\nports = nonsense\n", 0o600)
        met = self.boot_watched()
        self.assertNotIn("open", met)
        self.assertIn("chronoknock", self.machine.run("cat /run/before-network").stdout)
        self.assertEqual(self.machine.unit("chronoknock", "ActiveState"), "failed")
        self.machine.run("systemctl disable chronoknock")
        self.machine.halt()

        # Without us a stranger is in: the watch sees.
        self.server.run(["nft", "flush", "ruleset"])
        self.assertIn("open", self.boot_watched())

    def test_the_guard_alone_for_a_server_in_a_container(self):
        self.machine.boot()
        self.await_server()
        wait_for(lambda: self.machine.run("test -e /var/lib/chronoknock/guard.nft", check=False).returncode == 0, "guard.nft")
        self.machine.run("systemctl disable -q chronoknock && systemctl enable -q chronoknock-guard && rm /usr/bin/chronoknock")
        self.machine.halt()
        self.server.run(["nft", "flush", "ruleset"])
        self.configured_by_networkd()
        self.assertNotIn("open", self.boot_watched())
        self.assertIn("chronoknock", self.machine.run("cat /run/before-network").stdout)
        # One that the server's user has put there is none. (A client's program knows no guard.)
        self.machine.write("/usr/bin/chronoknock", "#!/bin/sh\nexit 2\n", 0o755)
        last = "/var/lib/chronoknock/guard.nft"
        self.machine.run(f"systemctl stop chronoknock-guard && rm {last}")
        self.machine.run(f"runuser -u chronoknock -- sh -c 'echo add table inet planted >{last}'")
        self.machine.run("systemctl start chronoknock-guard", check=False)
        self.assertNotIn("planted", self.machine.run("nft list tables").stdout)
        self.machine.run(f"chown root:root {last} && systemctl start chronoknock-guard || "
                         "{ journalctl --no-pager -n 20 -u chronoknock-guard >&2; exit 1; }")
        self.assertIn("planted", self.machine.run("nft list tables").stdout)

    def test_an_interface_that_comes_after_the_boot(self):
        self.configure(capture="eth0")
        self.lab.router.run(["ip", "link", "del", "server"])
        self.machine.boot()
        self.machine.wait_unit("multi-user.target")
        self.machine.wait_unit("chronoknock")
        self.await_server()
        self.lab.wire(self.server)
        self.assertEqual(self.client.door(self.server.ip4, 22), "silent")
        self.knock_until_open()
        self.assertEqual(self.machine.unit("chronoknock", "NRestarts"), "0")

    def test_a_time_server_whose_name_resolves_later(self):
        clock, dns = self.lab.host("clock"), self.lab.host("dns")
        start_chronyd(clock)
        self.configure(servers=_CLOCK)
        self.machine.write("/etc/resolv.conf", f"nameserver {dns.ip4}\noptions timeout:1 attempts:1\n")
        self.machine.boot()
        self.machine.wait_unit("chronoknock")
        self.await_server()
        self.assertEqual(self.status()["time"]["state"], "waiting")
        self.client.knock(self.server, self.key, "ssh")
        self.assertEqual(self.client.door(self.server.ip4, 22), "silent")
        start_nsd(dns, {"example.org": f"clock A {clock.ip4}"})
        wait_for(lambda: self.status()["time"]["state"] == "synchronised", "the first fix", 60, every=0.2)
        self.knock_until_open()
        self.assertEqual(self.machine.unit("chronoknock", "NRestarts"), "0")

    def test_with_a_user_and_what_a_reload_leaves(self):
        self.configure(control_group="users")
        self.machine.write("/etc/systemd/system/chronoknock.service.d/group.conf", "[Service]\nSupplementaryGroups=users\n")
        self.machine.boot()
        self.await_server()
        pid = self.machine.unit("chronoknock", "MainPID")
        rights = self.status()["privileges"]
        self.assertEqual((rights["user"], rights["capabilities"]), ("chronoknock", ["net_admin"]))
        uid = self.machine.run("id -u chronoknock").stdout.strip()
        self.assertEqual(self.machine.run(f"awk '/^Uid:/ {{print $2, $3, $4, $5}}' /proc/{pid}/status").stdout.split(),
                         [uid] * 4)
        folder, socket = "/var/lib/chronoknock", "/run/chronoknock/control.sock"
        self.machine.run(f"runuser -u chronoknock -- touch {folder}/planted")
        before = {path: self.of(path) for path in (folder, f"{folder}/state.db", f"{folder}/guard.nft", socket,
                                                   "/run/chronoknock", f"{folder}/planted")}
        self.assertEqual(before, {folder: "root:chronoknock:1770", f"{folder}/state.db": "chronoknock:chronoknock:600",
                                  f"{folder}/guard.nft": "root:root:600", socket: "chronoknock:users:660",
                                  "/run/chronoknock": "chronoknock:chronoknock:755",
                                  f"{folder}/planted": "chronoknock:chronoknock:644"})
        self.machine.run("systemctl reload chronoknock")
        self.assertEqual({path: self.of(path) for path in before}, before)
        self.assertEqual(self.machine.unit("chronoknock", "MainPID"), pid)
        self.knock_until_open()
        self.assertEqual(self.stranger.door(self.server.ip4, 22), "silent")
        # Restarted with a record there, and made anew where somebody has taken the folder away.
        for change in ("true", f"rm -r {folder}"):
            self.machine.run(f"systemctl stop chronoknock && {change} && systemctl start chronoknock")
            self.await_server()
            self.assertEqual(self.of(f"{folder}/state.db"), "chronoknock:chronoknock:600")
        self.machine.run("systemctl stop chronoknock")
        self.assertEqual(self.machine.run("ls /run/chronoknock", check=False).stdout, "")

    def test_what_it_says_to_systemd(self):
        self.machine.write("/etc/systemd/system/chronoknock.service.d/soon.conf",
                           "[Service]\nWatchdogSec=6\nTimeoutAbortSec=1\n")
        self.machine.boot()
        self.machine.wait_unit("chronoknock")
        self.assertEqual(self.machine.unit("chronoknock", "Type"), "notify")
        self.status()  # it answers as soon as the unit is active
        self.knock_until_open()
        opened = self.grants()
        said = self.machine.unit("chronoknock", "WatchdogTimestampMonotonic")
        wait_for(lambda: self.machine.unit("chronoknock", "WatchdogTimestampMonotonic") != said, "it to say that it lives")
        # One that hangs is started anew, and what is open stays.
        first = self.machine.unit("chronoknock", "MainPID")
        self.machine.run(f"kill -STOP {first}")
        wait_for(lambda: self.machine.unit("chronoknock", "NRestarts") == "1", "systemd to end it", 30, every=0.1)
        self.machine.wait_unit("chronoknock")
        self.assertEqual(self.grants(), opened)
        self.assertEqual(self.stranger.door(self.server.ip4, 22), "silent")
        # One that cannot take knocks yet serves: nobody waits for what it tries again and again.
        self.machine.run("systemctl stop chronoknock && rm /var/lib/chronoknock/state.db* && "
                         "install -d -o chronoknock /var/lib/chronoknock/state.db && systemctl start chronoknock")
        self.assertEqual(self.machine.unit("chronoknock", "ActiveState"), "active")
        self.assertIn("taking no knocks", self.machine.run("journalctl --no-pager -u chronoknock").stdout)
        self.assertEqual(self.stranger.door(self.server.ip4, 22), "silent")

    def test_an_upgrade_and_a_kill_leave_the_door_as_it_is(self):
        self.machine.boot()
        self.await_server()
        self.knock_until_open()
        opened = self.grants()
        self.assertEqual(opened, [(self.client.ip4, "ssh")])
        with self.client.connect(self.server.ip4, 22) as connection:
            self.assertIn(b"SSH-2.0", connection.recv(100))
            with Watch(self.stranger, self.server.ip4) as out, Watch(self.client, self.server.ip4) as let_in:
                first = self.machine.unit("chronoknock", "MainPID")
                self.build()
                self.machine.run("etc/install.sh server", folder="/root/chronoknock")
                self.await_server()
                second = self.machine.unit("chronoknock", "MainPID")
                self.assertEqual(self.grants(), opened)
                self.machine.run(f"kill -KILL {second}")
                wait_for(lambda: self.machine.unit("chronoknock", "NRestarts") == "1", "systemd to restart it")
                self.await_server()
                third = self.machine.unit("chronoknock", "MainPID")
                self.assertEqual(self.grants(), opened)
            self.assertEqual(len({first, second, third}), 3)
            self.assertEqual(out.met, {"silent"})
            self.assertIn("open", let_in.met)
            connection.sendall(b"SSH-2.0-still-here\r\n")
            self.assertTrue(connection.recv(100))
        # And stopped, the guard stays.
        self.machine.run("systemctl stop chronoknock")
        self.assertEqual(self.stranger.door(self.server.ip4, 22), "silent")


if __name__ == "__main__":
    unittest.main()
