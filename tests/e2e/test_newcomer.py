"""Somebody new, with nothing but the README: its own commands, from nothing to a shell on the server, and back.

The compiler alone is left out: the program is the one under test."""

import json
import pathlib
import re
import shutil
import subprocess
import time
import unittest

from lab import CLOCK_ERROR, Lab, start_chronyd, start_sshd, wait_for
from machine import Machine
from natlab import Home

_SOURCE = pathlib.Path(__file__).parents[2]
_README = (_SOURCE / "README.md").read_text(encoding="utf-8")
_SERVER = "server.example"
_CLOCK = "clock.example"
INSTALLED = ("/usr/bin/chronoknock", "/etc/systemd/system/chronoknock.service",
             "/etc/systemd/system/chronoknock-helper.socket", "/etc/systemd/system/chronoknock-helper@.service",
             "/usr/local/share/man/man1/chronoknock-connect.1", "/usr/local/share/man/man8/chronoknock-server.8",
             "/usr/local/share/bash-completion/completions/chronoknock",
             "/usr/local/share/zsh/site-functions/_chronoknock",
             "/usr/share/fish/vendor_completions.d/chronoknock.fish")

# Each shell finds the completions where they were put: what it is asked, and what it says then.
LOADED = {"bash --norc -ic 'source /usr/share/bash-completion/bash_completion; _completion_loader chronoknock; "
          "complete -p chronoknock'": "-F _chronoknock chronoknock",
          "zsh -fc 'autoload -Uz compinit; compinit -u -D; print $_comps[chronoknock]'": "_chronoknock",
          "fish -c 'complete -C \"chronoknock connect --fdp\"'": "--fdpass"}


def commands(text):
    """The commands that a part of the README has: its blocks, and cloning, which stands in a sentence."""
    found = re.findall(r"`(git clone [^`]*)`", text)
    for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE):
        found.append(re.sub(r"\s+# .*", "", line))
    return found


def part(begin, end):
    return _README[_README.index(begin):_README.index(end)]


class Newcomer(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        host = self.lab.host("server")
        home = Home(self.lab)
        clock = self.lab.host("clock")
        start_chronyd(clock)
        # The home has IPv6 as well, without translation.
        inside, outside = "fd70::1", "fd70::2"
        gateway, router = home.gateway, self.lab.router
        gateway.sysctl("net.ipv6.conf.all.forwarding", 1)
        gateway.run(["ip", "addr", "add", f"{inside}/64", "dev", "inside", "nodad"])
        home.laptop.run(["ip", "-batch", "-"], stdin=f"addr add {outside}/64 dev eth0 nodad\nroute add ::/0 via {inside}\n")
        router.run(["ip", "route", "add", "fd70::/64", "via", gateway.ip6])
        self.home, self.server_host = home, host
        wait_for(lambda: home.laptop.door(host.ip6, 1, seconds=0.1) == "refused", "the laptop's IPv6")
        wait_for(lambda: home.laptop.door(host.ip4, 1, seconds=0.1) == "refused", "the laptop's IPv4")

        self.sshd = start_sshd(host)
        hosts = {_SERVER: (host.ip6, host.ip4), _CLOCK: (clock.ip4,)}
        self.server, self.laptop = Machine(host, hosts), Machine(home.laptop, hosts)
        self.server.add_init()
        # What the editor does: the time servers of the sample are out of reach here.
        self.server.write("/usr/local/bin/sudoedit", f'#!/bin/sh\nexec sed -i "s/^servers = .*/servers = {_CLOCK}/" "$@"\n', 0o755)
        for machine in (self.server, self.laptop):
            self.clone(machine)
        # The laptop's user has a login, and has been here before.
        self.laptop.write("/root/.ssh/id_ed25519", self.sshd.identity.read_text(), 0o600)
        public = (self.sshd.identity.parent / "host.pub").read_text()
        self.laptop.write("/root/.ssh/known_hosts", f"{_SERVER} {public}")

    def clone(self, machine):
        """What `git clone` and the compiler would have made."""
        machine.write("/usr/local/bin/cmake", "#!/bin/sh\nexit 0\n", 0o755)
        machine.write("/root/chronoknock/README.md", "")
        for name in ("etc", "docker"):
            shutil.copytree(_SOURCE / name, machine.root + f"/root/chronoknock/{name}")
        built = machine.root + "/root/chronoknock/build/app/chronoknock"
        pathlib.Path(built).parent.mkdir(parents=True)
        shutil.copy(self.lab.program, built)

    def do(self, machine, command):
        return machine.run(command, folder="/root/chronoknock", timeout=60)

    def follow_server(self):
        """The server's commands; returns the invitation, and the daemon."""
        text = part("**The server**", "**The laptop**")
        invitation = daemon = None
        for command in commands(text):
            if command.startswith("git clone"):
                continue
            done = self.do(self.server, command)
            if "invite alice" in command:
                invitation = done.stdout.splitlines()[0]
            if "check" in command:
                self.assertIn("alice", done.stdout)
            if "systemctl enable --now" in command:
                self.assertEqual(self.server.read("/run/systemctl.log").splitlines()[-1], "enable --now chronoknock")
                daemon = self.server.start_enabled("chronoknock")
        self.assertTrue(invitation.startswith("chronoknock://"))
        return invitation, daemon

    def follow_laptop(self, invitation):
        """The laptop's; returns what the last one, ssh, says."""
        said = None
        for command in commands(part("**The laptop**", "**Behind NAT**")):
            if command.startswith("git clone"):
                continue
            if "profile add" in command:
                shown = self.laptop.type(command, invitation, folder="/root/chronoknock")
                self.assertNotIn(invitation, shown)
            elif command.startswith("ssh "):
                said = self.do(self.laptop, command + " 'echo in by $SSH_CONNECTION'")
            else:
                self.do(self.laptop, command)
        return said.stdout

    def test_from_nothing_to_a_shell_and_back(self):
        everything = commands(part("**The server**", "**The laptop**")) + commands(part("**The laptop**", "**Behind NAT**"))
        self.assertLessEqual(len(everything), 10, everything)
        self.assertEqual(sum(c.startswith("git clone") for c in everything), 2)
        invitation, daemon = self.follow_server()
        self.assertEqual(self.home.laptop.door(self.server_host.ip4, 22), "silent")
        self.assertEqual(self.home.laptop.door(self.server_host.ip6, 22), "silent")
        begin = time.monotonic()
        said = self.follow_laptop(invitation)
        self.assertIn("in by fd70::2", said)  # the family that no router translates
        self.assertLess(time.monotonic() - begin, 60)

        # Behind NAT, without IPv6: as the README has it, a key that needs no address.
        self.assertIn("invite with `--method challenge`", _README)
        done = self.do(self.server, f"chronoknock invite bob --service ssh --host {_SERVER} --method challenge")
        self.laptop.run("chronoknock profile add away -", stdin=done.stdout)
        wait_for(lambda: "bob" in self.server.run("chronoknock status").stdout, "the server to know bob")
        self.laptop.host.run(["ip", "-6", "addr", "flush", "dev", "eth0"])
        wait_for(lambda: self.home.laptop.door(self.server_host.ip4, 22) == "silent", "the door to be shut", 40)
        said = self.laptop.run("ssh -o 'ProxyCommand chronoknock connect away %p' "
                               f"{_SERVER} 'echo in by $SSH_CONNECTION'", timeout=60).stdout
        self.assertIn(f"in by {self.home.public}", said)

        for path in INSTALLED:
            self.assertTrue(self.server.has(path), path)
        for command, said in LOADED.items():
            self.assertIn(said, self.server.run(command).stdout, command)

        # Away with it: nobody is locked out, and nothing is left but what is the user's.
        told = self.do(self.server, re.search(r"`(sudo etc/install\.sh remove)`", _README)[1]).stdout
        self.assertIn("what it guarded is open", told)
        self.assertEqual(self.home.laptop.door(self.server_host.ip4, 22), "open")
        self.assertFalse(daemon.alive())
        for path in INSTALLED:
            self.assertFalse(self.server.has(path), path)
        self.assertTrue(self.server.has("/etc/chronoknock/keys/alice.key"))

    def guard_table(self):
        """Its handle, which another table of its name would not have."""
        listed = json.loads(self.server_host.run(["nft", "-j", "list", "tables"]).stdout)["nftables"]
        return [t["table"]["handle"] for t in listed if t.get("table", {}).get("name") == "chronoknock"]

    def test_an_upgrade_leaves_the_door_as_it_is(self):
        invitation, daemon = self.follow_server()
        self.follow_laptop(invitation)
        before = self.server.read("/etc/chronoknock/chronoknock.ini")

        def grants():
            listed = json.loads(self.server.run("chronoknock grants --json").stdout)["list"]
            return [(g["address"], g["service"], g["keys"]) for g in listed]
        table, open_before = self.guard_table(), grants()
        self.assertEqual(open_before, [("fd70::2", "ssh", ["alice"])])
        with self.home.laptop.connect(self.server_host.ip6, 22) as connection:
            self.assertIn(b"SSH-2.0", connection.recv(100))
            again = self.server.run_restarting("etc/install.sh server", folder="/root/chronoknock")
            self.assertFalse(daemon.alive())
            self.assertTrue(again.alive())
            self.assertEqual(self.server.read("/etc/chronoknock/chronoknock.ini"), before)
            self.assertEqual(self.guard_table(), table)
            self.assertEqual(grants(), open_before)
            connection.sendall(b"SSH-2.0-upgraded\r\n")
            self.assertTrue(connection.recv(100))
        self.assertEqual(self.home.laptop.door(self.server_host.ip6, 22), "open")
        self.assertEqual(self.home.laptop.door(self.server_host.ip4, 22), "silent")


if __name__ == "__main__":
    unittest.main()
