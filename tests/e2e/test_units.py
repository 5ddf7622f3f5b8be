"""The units: how far systemd holds them, and that the server which is never root has its helper under a real one."""

import json
import pathlib
import re
import shutil
import subprocess
import unittest

from lab import wait_for
from test_boot import Booting

_UNITS = pathlib.Path(__file__).parents[2] / "etc"
_MOST = {"chronoknock.service": 1.4, "chronoknock-helper@.service": 2.6}
_SOCKET = "/run/chronoknock-helper.sock"
_ADMIN = 1 << 12

# Connects to the helper's socket, as often as is said, and tells how much comes each time: one byte is the greeting of a
# helper that serves. Several connections are kept.
_CONNECT = f"""
use Socket;
$| = 1;
my @kept;
for (1 .. ($ARGV[0] // 1)) {{
    socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die;
    connect($s, pack_sockaddr_un("{_SOCKET}")) or do {{ print "refused\\n"; exit }};
    recv($s, my $said, 10, 0);
    print length($said), " bytes\\n";
    push @kept, $s;
}}
sleep if @kept > 1;
"""


class Exposure(unittest.TestCase):
    """systemd-analyze security: from 0, nothing can be done from there, to 10."""

    def test_no_unit_is_more_exposed_than_is_said(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze")
        for unit, most in _MOST.items():
            said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", _UNITS / unit],
                                  capture_output=True, text=True, check=True).stdout
            found = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
            with self.subTest(unit=unit):
                self.assertLessEqual(found, most, said)

    def test_both_units_hold_alike_but_for_what_the_helper_is_for(self):
        server, helper = ({line for line in (_UNITS / unit).read_text(encoding="utf-8").splitlines()
                           if re.match(r"(Protect|Private|Restrict(?!Addr)|Lock|MemoryDeny|Device|SystemCall|NoNew)", line)}
                          for unit in _MOST)
        self.assertEqual(server ^ helper, {"ProtectProc=invisible"})
        self.assertIn("ProtectProc=invisible", server)


class Units(Booting):
    def setUp(self):
        super().setUp()
        self.machine.write("/usr/local/share/connect.pl", _CONNECT)
        self.machine.boot()
        self.machine.wait_unit("chronoknock")
        self.await_server()

    def pid(self):
        return self.machine.unit("chronoknock", "MainPID")

    def process(self, pid):
        text = self.machine.run(f"cat /proc/{pid}/status").stdout
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def helpers(self):
        """Units of helpers that are there."""
        listed = self.machine.run("systemctl list-units --plain --no-legend 'chronoknock-helper@*'").stdout
        return [line.split()[0] for line in listed.splitlines()]

    def connect_from_the_servers_unit(self, times):
        """In place of the server, once its helper has gone."""
        self.machine.run("systemctl stop chronoknock")
        wait_for(lambda: not self.helpers(), "the helper's end")
        self.machine.write("/etc/systemd/system/chronoknock.service.d/other.conf",
                           "[Service]\nType=simple\nWatchdogSec=0\nRestart=no\nExecStartPre=\nExecStart=\n"
                           f"ExecStart=/usr/bin/perl /usr/local/share/connect.pl {times}\nStandardOutput=truncate:/run/connected\n")
        self.machine.run("systemctl daemon-reload && systemctl start chronoknock")

    def connected(self):
        return self.machine.run("cat /run/connected", check=False).stdout.splitlines()

    def connect(self, user):
        """What somebody gets who connects to the helper's socket."""
        return self.machine.run(f"runuser -u {user} -- perl /usr/local/share/connect.pl").stdout

    def test_neither_is_more_than_it_has_to_be(self):
        rights = self.status()["privileges"]
        uid = self.machine.run("id -u chronoknock").stdout.strip()
        server, helper = self.process(self.pid()), self.process(rights["helper"])
        self.assertEqual(server["Uid"].split(), [uid] * 4)
        for capabilities in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(server[capabilities], 16), _ADMIN, capabilities)
        for capabilities in ("CapInh", "CapAmb"):
            self.assertEqual(int(server[capabilities], 16), 0, capabilities)
        self.assertEqual(helper["Name"], "knock-helper")
        self.assertEqual((helper["Uid"].split(), int(helper["CapEff"], 16)), (["0"] * 4, _ADMIN | 1 << 13))
        for one in (server, helper):
            self.assertEqual((one["NoNewPrivs"], one["Seccomp"]), ("1", "2"))
        self.assertEqual((rights["user"], rights["capabilities"], rights["packet_sockets_by"]),
                         ("chronoknock", ["net_admin"], "helper"))
        # And from the first moment on: the unit names the user.
        self.assertEqual(self.machine.unit("chronoknock", "User"), "chronoknock")

    def test_the_helpers_end_is_the_servers_and_the_guard_stays(self):
        self.knock_until_open()
        opened, first = self.grants(), self.pid()
        helper = self.status()["privileges"]["helper"]
        self.machine.run(f"kill -9 {helper}")
        wait_for(lambda: self.pid() not in (first, "0"), "another server")
        self.await_server()
        self.assertEqual(self.grants(), opened)
        self.assertEqual(self.stranger.door(self.server.ip4, 22), "silent")
        self.assertNotEqual(self.status()["privileges"]["helper"], helper)
        # And with the server its helper ends, and where nobody needs it, its socket.
        helper = self.status()["privileges"]["helper"]
        self.machine.run("systemctl stop chronoknock")
        wait_for(lambda: self.machine.run(f"test -e /proc/{helper}", check=False).returncode != 0, "the helper's end")
        self.machine.wait_unit("chronoknock-helper.socket", "inactive")
        self.assertEqual(self.stranger.door(self.server.ip4, 22), "silent")
        self.machine.run("systemctl start chronoknock")
        self.await_server()
        self.assertEqual(self.machine.run("systemctl list-units --failed --plain --no-legend 'chronoknock*'").stdout, "")

    def test_a_reload_reads_what_is_roots(self):
        pid = self.pid()
        second = self.lab.key("bob")
        self.machine.write("/etc/chronoknock/keys/bob.key", second.read_text(), 0o600)
        config = self.machine.read("/etc/chronoknock/chronoknock.ini")
        self.machine.write("/etc/chronoknock/chronoknock.ini", config + "[key.bob]\nfile = keys/bob.key\nservices = ssh\n",
                           0o600)
        self.machine.run("systemctl reload chronoknock")
        self.assertEqual({k["name"] for k in self.status()["keys"]}, {"alice", "bob"})
        self.assertEqual(self.pid(), pid)

        def tried():
            self.client.knock(self.server, second, "ssh")
            return self.client.door(self.server.ip4, 22) == "open"
        wait_for(tried, "the new key to open", 30)
        self.machine.write("/etc/chronoknock/chronoknock.ini", "[service.ssh]\nports = nonsense\n", 0o600)
        done = self.machine.run("systemctl reload chronoknock", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(self.status()["keys"]), 2)

    def test_the_helper_serves_the_server_alone(self):
        self.assertEqual(self.of(_SOCKET), "chronoknock:chronoknock:600")
        self.assertEqual(self.connect("nobody"), "refused\n")
        # Another process of the server's user, and root itself: turned away, and told why to root alone.
        self.assertEqual(self.connect("chronoknock"), "0 bytes\n")
        self.assertEqual(self.connect("root"), "0 bytes\n")
        said = self.machine.run("journalctl --no-pager -t chronoknock").stdout
        self.assertRegex(said, "expected a process of the unit chronoknock.service, found one in /")
        self.assertIn("expected the user chronoknock, found user 0", said)
        # The server's own is served: the same by one that runs in its unit.
        self.connect_from_the_servers_unit(1)
        wait_for(lambda: self.connected() == ["1 bytes"], "the greeting")

    def test_two_helpers_at_once_and_each_has_bounds(self):
        self.connect_from_the_servers_unit(3)
        wait_for(lambda: len(self.connected()) == 3, "three answers")
        self.assertEqual(self.connected(), ["1 bytes", "1 bytes", "0 bytes"])
        helpers = self.helpers()
        self.assertEqual(len(helpers), 2)
        text = (_UNITS / "chronoknock-helper@.service").read_text(encoding="utf-8")
        tasks, memory = (int(re.search(rf"^{field}=(\d+)", text, re.MULTILINE)[1]) for field in ("TasksMax", "MemoryMax"))
        for helper in helpers:
            self.assertEqual((self.machine.unit(helper, "TasksMax"), self.machine.unit(helper, "MemoryMax")),
                             (str(tasks), str(memory << 30)))

    def test_where_the_user_is_another_than_the_configuration_names(self):
        """As a unit of an earlier version took it from there: nobody is locked out."""
        config = self.machine.read("/etc/chronoknock/chronoknock.ini")
        self.machine.write("/etc/chronoknock/chronoknock.ini", config.replace("[server]", "[server]\nuser = root"), 0o600)
        self.machine.run("systemctl restart chronoknock")
        self.knock_until_open()
        self.assertIn("the server was started as chronoknock, and stays so",
                      self.machine.run("journalctl --no-pager -u chronoknock").stdout)

    def test_two_servers_do_not_undo_each_others_guard(self):
        self.second_server_is_refused("chronoknock")

    def second_server_is_refused(self, user):
        done = self.machine.run("timeout 10 chronoknock server --config /etc/chronoknock/chronoknock.ini", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"another chronoknock server guards this network namespace already, process {self.pid()}", done.stderr)
        self.assertEqual(json.loads(self.machine.run("chronoknock status --json").stdout)["privileges"]["user"], user)

    def change_unit(self, unit, text):
        self.machine.write(f"/etc/systemd/system/{unit}.d/test.conf", text)
        self.machine.run("systemctl daemon-reload")

    def test_an_upgrade_that_would_lock_everybody_out_is_refused(self):
        pid = self.pid()
        file = "/etc/chronoknock/chronoknock.ini"
        config = self.machine.read(file)
        self.machine.run("mkdir -m 700 /srv/knock")

        def refused(expected):
            done = self.machine.run("etc/install.sh server", folder="/root/chronoknock", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(expected, done.stderr)
            self.assertIn("the old server goes on", done.stderr)
            self.assertEqual(self.pid(), pid)
        self.change_unit("chronoknock.service", "[Service]\nExecStart=\nExecStart=/usr/bin/chronoknock server "
                                                f"--config {file} --trial 10m\n")
        refused("lacks --helper /run/chronoknock-helper.sock")
        self.change_unit("chronoknock.service", "[Service]\nReadWritePaths=/srv/knock\n")
        for field, name in (("control", "control.sock"), ("state", "state.db")):
            self.machine.write(file, config.replace("[server]", f"[server]\n{field} = /srv/knock/{name}"), 0o600)
            refused(f"[server] {field}: /srv/knock cannot be written by the user chronoknock")
        # Among the keys, in a folder whose name is not ours.
        kept = config.replace("[server]", "[server]\nstate = /etc/chronoknock/keys/state.db")
        self.machine.write(file, kept, 0o600)
        refused("[server] state: expected a folder of its own")
        self.machine.write(file, config.replace("[server]", "[server]\nstate = /srv/knock/state.db"), 0o600)
        # One that is started all the same ends, and says why.
        self.machine.run("systemctl restart chronoknock", check=False)
        self.machine.wait_unit("chronoknock", "failed")
        self.assertEqual(self.machine.unit("chronoknock", "ExecMainStatus"), "2")
        self.assertIn("[server] state: /srv/knock: Permission denied",
                      self.machine.run("journalctl --no-pager -t chronoknock").stdout)
        # Given the folder it serves.
        self.machine.run("chown root:chronoknock /srv/knock && chmod 1770 /srv/knock && systemctl restart chronoknock")
        self.await_server()

    def test_drop_ins_of_an_earlier_version_are_told_of_the_helper(self):
        self.change_unit("chronoknock.service", "[Service]\nExecStart=\nExecStart=/usr/bin/chronoknock server "
                                                "--config /etc/chronoknock/chronoknock.ini\n")
        self.machine.run("systemctl restart chronoknock", check=False)
        self.machine.wait_unit("chronoknock", "failed")
        self.assertIn("ExecStart= needs --helper /run/chronoknock-helper.sock",
                      self.machine.run("journalctl --no-pager -t chronoknock").stdout)
        done = self.machine.run("chronoknock server --config /etc/chronoknock/chronoknock.ini --allow-loose-permissions "
                                f"--helper {_SOCKET}", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected it in chronoknock-helper@.service", done.stderr)

    def test_a_server_in_another_network_has_no_helper_here(self):
        self.change_unit("chronoknock.service", "[Service]\nPrivateNetwork=yes\nRestart=no\n")
        self.machine.run("systemctl restart chronoknock", check=False)
        self.machine.wait_unit("chronoknock", "failed")
        self.assertIn("expected one in the helper's network namespace",
                      self.machine.run("journalctl --no-pager -t chronoknock").stdout)

    def test_a_restart_takes_up_another_user(self):
        self.machine.run("useradd --system --user-group --no-create-home other")
        self.change_unit("chronoknock-helper.socket", "[Socket]\nSocketUser=other\n")
        self.change_unit("chronoknock-helper@.service", "[Service]\nExecStart=\nExecStart=/usr/bin/chronoknock helper "
                                                        "--config /etc/chronoknock/chronoknock.ini --user other\n")
        self.change_unit("chronoknock.service", "[Service]\nUser=other\nGroup=other\n")
        self.machine.run("systemctl restart chronoknock")
        self.await_server()
        self.assertEqual(self.machine.run(f"stat -c %U:%a {_SOCKET}").stdout, "other:600\n")
        self.assertEqual(self.status()["privileges"]["user"], "other")
        self.knock_until_open()
        self.second_server_is_refused("other")


class Broken(Booting):
    """What the server needs beside its configuration is not there: at a boot the door is shut all the same."""

    def shut_after_a_boot(self):
        self.configured_by_networkd()
        met = self.boot_watched()
        self.assertIn("chronoknock", self.machine.run("cat /run/before-network").stdout)
        self.assertNotIn("open", met)
        self.assertIn("silent", met)

    def test_shut_without_the_helpers_socket(self):
        self.machine.write("/etc/systemd/system/chronoknock-helper.socket.d/user.conf",
                           "[Socket]\nSocketUser=nobody-of-that-name\n")
        self.shut_after_a_boot()
        self.assertEqual(self.machine.unit("chronoknock-helper.socket", "ActiveState"), "failed")

    def test_shut_without_the_servers_user(self):
        for file in ("passwd", "shadow", "group", "gshadow"):
            lines = self.machine.read(f"/etc/{file}").splitlines(keepends=True)
            mode = pathlib.Path(self.machine.path(f"/etc/{file}")).stat().st_mode & 0o777
            self.machine.write(f"/etc/{file}", "".join(l for l in lines if not l.startswith("chronoknock:")), mode)
        self.shut_after_a_boot()
        self.assertEqual(self.machine.run("id -u chronoknock", check=False).stdout, "")


if __name__ == "__main__":
    unittest.main()
