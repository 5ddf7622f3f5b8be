#!/usr/bin/env python3
"""The life of the packages, from etc/package.sh to their purge, in fresh Debians with a systemd of their own:

    sudo tests/packages.py [bookworm|trixie|packing|scripts]...

For each release they are built in it (tests/support/in_debian.py), twice, byte by byte, and looked at by lintian; their
programs are hardened; then a server is installed that guards its sshd, a client that knocks; an upgrade while a grant
is open; one to a program that does not take the configuration; removal and purge, also where another server is in the
way. With DEBS=FOLDER, what an earlier run has built (build/packages) is taken from there. With FROM=FOLDER, what is
installed first is what an earlier commit's run has built: the upgrade is from that program.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(SOURCE / "tests/e2e"), str(SOURCE / "tests/support")]
import in_debian  # noqa: E402
from booted import Booted, fresh  # noqa: E402
from lab import Lab, wait_for  # noqa: E402
from test_boot import Watch  # noqa: E402

CONFIG = "/etc/chronoknock/chronoknock.ini"
UNIT = "/etc/systemd/system/chronoknock.service"  # etc/install.sh's, which takes the place of the package's
APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold"


def newer(deb, suffix, folder):
    """The same package as a later version."""
    tree = folder / "newer"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", rf"\1{suffix}", control.read_text()))
    made = folder / f"newer{suffix}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, made], check=True, capture_output=True)
    shutil.rmtree(tree)
    return made


def packages(folder):
    return {name: next(folder.glob(f"{name}_*_amd64.deb")) for name in ("chronoknock", "chronoknock-client")}


class Life:
    release = ""

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(os.environ.get("DEBS", SOURCE / "build/packages")) / cls.release
        if "DEBS" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)
            # What is compiled comes from ccache the second time; tests/reproducible.sh compares that.
            status = in_debian.run(cls.release, "etc/package.sh --out /out --check && etc/package.sh --out /again && "
                                   "for deb in /out/*.deb; do cmp $deb /again/${deb##*/} || exit 1; done", folder)
            if status != 0:
                raise AssertionError(f"etc/package.sh in {cls.release}: status {status}")
        cls.debs = packages(folder)
        cls.first = packages(pathlib.Path(os.environ["FROM"]) / cls.release) if "FROM" in os.environ else cls.debs

    def boot(self):
        self.lab = Lab(program=shutil.which("true"))
        self.addCleanup(self.lab.close)
        self.server_host, self.client_host, self.stranger = (self.lab.host(n) for n in ("server", "client", "stranger"))
        self.server = self.machine(self.server_host, "chronoknock")
        self.client = self.machine(self.client_host, "chronoknock-client")

    def machine(self, host, package):
        """A fresh Debian with the package in /root, and in apt's cache what else that needs: the lab has no mirror."""
        machine = Booted(host, base=fresh(self.release))
        root = pathlib.Path(machine.path("/"))
        shutil.copy(self.first[package], root / "root/package.deb")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        for command in ("apt-get -q update", f"{APT} install --download-only /root/package.deb"):
            done = subprocess.run(["chroot", root, "sh", "-c", command], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (root / "etc/resolv.conf").write_text("")
        machine.boot()
        machine.wait_unit("multi-user.target")
        machine.run("systemctl disable -q --now ssh.service && systemctl enable -q --now ssh.socket")
        return machine

    def apt(self, machine, words):
        done = machine.run(f"{APT} {words} 2>&1", check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def status(self):
        return json.loads(self.server.run("chronoknock status --json").stdout)

    def grants(self):
        return [(g["address"], g["service"])
                for g in json.loads(self.server.run("chronoknock grants --json").stdout)["list"]]

    def tables(self):
        return self.server.run("nft list tables").stdout

    def door(self, host=None):
        return (host or self.stranger).door(self.server_host.ip4, 22)

    def test_programs_are_hardened(self):
        for name, deb in self.debs.items():
            with self.subTest(package=name), tempfile.TemporaryDirectory() as tree:
                subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
                # All that needs no symbols, which a package has none of.
                subprocess.run([sys.executable, "-B", "test_hardening.py", *("Hardening.test_" + t for t in (
                    "position_independent", "full_relro", "no_stack_or_segment_is_executable_and_writable",
                    "stack_protector_and_fortified_functions"))], cwd=SOURCE / "tests/e2e", check=True,
                    env={**os.environ, "CHRONOKNOCK": f"{tree}/usr/bin/chronoknock"})

    def test_from_installation_to_purge(self):
        self.boot()
        server, client = self.server, self.client
        before = (self.door(), self.door(self.client_host))
        self.assertEqual(before, ("open", "open"))

        # Installed, nothing is shut.
        self.assertIn("nothing is guarded yet", self.apt(server, "install /root/package.deb"))
        self.assertEqual(server.unit("chronoknock", "UnitFileState"), "disabled")
        self.assertEqual(server.unit("chronoknock-guard", "UnitFileState"), "disabled")
        self.assertEqual(server.unit("chronoknock", "ActiveState"), "inactive")
        self.assertEqual((self.door(), self.tables().strip()), ("open", ""))
        self.assertEqual(server.run(f"stat -c '%U %a' {CONFIG} /etc/chronoknock/keys /etc/chronoknock/conf.d").stdout.split("\n"),
                         ["root 600", "root 700", "root 700", ""])
        self.assertEqual(server.run("stat -c '%U %G %a' /var/lib/chronoknock").stdout.strip(), "root chronoknock 1770")
        self.assertIn(f"{CONFIG} ", server.run("dpkg-query -W -f '${Conffiles}' chronoknock").stdout)

        # Another program, or the same by another version.
        shutil.copy(self.debs["chronoknock"] if "FROM" in os.environ else newer(self.debs["chronoknock"], "+1", self.lab.folder),
                    server.path("/root/newer.deb"))
        shutil.copy(newer(self.debs["chronoknock"], "+2", self.lab.folder), server.path("/root/newest.deb"))

        # A port is guarded.
        server.run(f"sed -i 's/^servers = .*/servers =/; s/^# tracked = .*/tracked = 1024/; s/^open_for = 30/open_for = 900/' {CONFIG}")
        line = server.run(f"chronoknock invite alice --service ssh --host {self.server_host.ip4}").stdout
        uri = re.search(r"chronoknock://\S+", line)[0]
        server.run(f"chronoknock check --config {CONFIG}")
        server.run("systemctl enable -q --now chronoknock")
        self.assertEqual(self.status()["privileges"]["user"], "chronoknock")
        self.assertEqual(server.unit("chronoknock", "Type"), "notify")
        for unit, most in (("chronoknock.service", 1.4), ("chronoknock-helper@.service", 2.6)):  # SECURITY.md says so
            said = server.run(f"systemd-analyze security --no-pager {unit}").stdout
            self.assertLessEqual(float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1]), most, said)
        self.assertEqual((self.door(), self.door(self.client_host)), ("silent", "silent"))

        # And opened by a knock of the client's package.
        self.apt(client, "install /root/package.deb")
        for program, left_out in (("chronoknock", "libpcap|libseccomp|libcap-ng|libre2"),):
            self.assertNotRegex(client.run(f"ldd /usr/bin/{program}").stdout, left_out)
        self.assertNotRegex(client.run("dpkg-query -W -f '${Depends}' chronoknock-client").stdout, "nftables|libpcap")
        client.run("chronoknock profile add home -", stdin=uri + "\n")
        client.run("chronoknock knock home --time-server none --wait 22")
        self.assertEqual((self.door(), self.door(self.client_host)), ("silent", "open"))
        opened = self.grants()
        self.assertEqual(opened, [(self.client_host.ip4, "ssh")])

        # An upgrade, while that grant and a connection are open.
        self.assertRegex(server.run("chronoknock --version").stdout, r"\(commit [0-9a-f]{12}\)")
        first = server.unit("chronoknock", "MainPID")
        with self.client_host.connect(self.server_host.ip4, 22) as connection:
            self.assertIn(b"SSH-2.0", connection.recv(100))
            with Watch(self.stranger, self.server_host.ip4) as out, Watch(self.client_host, self.server_host.ip4) as let_in:
                self.apt(server, "install /root/newer.deb")
                self.assertEqual(self.grants(), opened)
            self.assertEqual(out.met, {"silent"})
            self.assertIn("open", let_in.met)  # a try may take longer than it waits, on a busy machine
            connection.sendall(b"SSH-2.0-still-here\r\n")
            self.assertTrue(connection.recv(100))
        second = server.unit("chronoknock", "MainPID")
        self.assertNotEqual(first, second)

        # One with a configuration that it does not take: the old server goes on.
        server.run(f"cp {CONFIG} /root/good.ini && echo 'nonsense = 1' >>{CONFIG}")
        self.assertIn("the old server goes on", self.apt(server, "install /root/newest.deb"))
        self.assertEqual(server.unit("chronoknock", "MainPID"), second)
        self.assertEqual((self.grants(), self.door()), (opened, "silent"))
        server.run(f"cp /root/good.ini {CONFIG} && systemctl reload chronoknock")

        # Removed: the guard goes, and that is said; configuration and record stay, until it is purged.
        self.assertIn("the guard is gone", self.apt(server, "remove chronoknock"))
        self.assertEqual((self.door(), self.tables().strip()), ("open", ""))
        for unit in ("chronoknock", "chronoknock-helper.socket"):
            self.assertEqual(server.unit(unit, "ActiveState"), "inactive")
        self.assertEqual(server.run("systemctl list-units --plain --no-legend 'chronoknock-helper@*'").stdout, "")
        server.run("test -e /var/lib/chronoknock/state.db && test -e /etc/chronoknock/keys/alice.key")
        # Installed again, it is enabled as before, and says what is missing.
        self.assertIn("does not run: systemctl start chronoknock", self.apt(server, "install /root/newest.deb"))
        self.assertEqual((self.door(), server.unit("chronoknock", "ActiveState")), ("open", "inactive"))
        server.run("systemctl start chronoknock || { journalctl -q --no-pager -n 40 -u 'chronoknock*' >&2; false; }")
        self.assertEqual(self.door(), "silent")
        self.assertIn("the guard is gone", self.apt(server, "remove chronoknock"))
        self.assertIn("the record of knocks are gone", self.apt(server, "purge chronoknock"))
        self.assertEqual(server.run("ls -d /var/lib/chronoknock /etc/chronoknock", check=False).stdout, "")
        self.assertEqual(self.door(), "open")
        server.run("systemctl daemon-reload")
        self.assertEqual(server.unit("chronoknock", "LoadState"), "not-found")

        # One package takes the other's place.
        shutil.copy(self.debs["chronoknock-client"], server.path("/root/client.deb"))
        for package, gone in (("client", "chronoknock"), ("newest", "chronoknock-client"), ("client", "chronoknock")):
            self.apt(server, f"install /root/{package}.deb")
            server.run("chronoknock --version")
            self.assertNotEqual(server.run(f"dpkg-query -W -f '${{db:Status-Status}}' {gone}", check=False).stdout, "installed")
        # The client's program is no other server's.
        self.assertIn("the record of knocks are gone", self.apt(server, "purge chronoknock"))
        self.apt(server, "purge chronoknock-client")
        self.apt(client, "purge chronoknock-client")
        client.run("! command -v chronoknock")

    def test_what_stands_in_the_way(self):
        self.lab = Lab(program=shutil.which("true"))
        self.addCleanup(self.lab.close)
        self.server_host = self.lab.host("server")
        server = self.server = self.machine(self.server_host, "chronoknock")
        shutil.copy(self.debs["chronoknock"], server.path("/root/package.deb"))

        def install():
            return self.apt(server, "install --reinstall /root/package.deb")

        def upgrade_with(lines):
            server.write(f"{UNIT}.d/test.conf", f"[Service]\n{lines}\n")
            server.run("systemctl daemon-reload")
            return install()

        # install.sh's unit.
        shutil.copy(SOURCE / "etc/chronoknock.service", server.path(UNIT))
        self.assertIn(f"{UNIT}, from etc/install.sh, takes the place of this package's unit", install())
        server.run(f"rm {UNIT}")
        self.assertNotIn("takes the place", install())

        # A server that would have no helper, and one that does not start.
        server.run(f"sed -i 's/^servers = .*/servers =/' {CONFIG}")
        server.run(f"chronoknock invite alice --service ssh --host {self.server_host.ip4}")
        server.run("systemctl start chronoknock")
        first = server.unit("chronoknock", "MainPID")
        alone = f"ExecStart=\nExecStart=/usr/bin/chronoknock server --config {CONFIG}"
        self.assertIn("lacks --helper", upgrade_with(alone))
        self.assertEqual(server.unit("chronoknock", "MainPID"), first)
        self.assertIn("the new server has not started; the guard stands", upgrade_with("ExecStartPre=/bin/false"))
        self.assertNotEqual(server.unit("chronoknock", "MainPID"), first)
        self.assertIn("table inet chronoknock\n", self.tables())
        server.run(f"rm -r {UNIT}.d && systemctl daemon-reload")

        server.run("systemctl stop chronoknock")

        # A container's server has a unit of the package's name.
        server.run("printf '[Service]\\nExecStart=sleep infinity\\n' >/run/systemd/system/chronoknock.service")
        server.run("systemctl daemon-reload && systemctl start chronoknock && nft add table inet chronoknock")
        self.assertNotIn("old server goes on", install())
        self.assertIn("chronoknock.service is a container's: it goes on", self.apt(server, "remove chronoknock"))
        server.run("systemctl is-active chronoknock && nft delete table inet chronoknock && systemctl stop chronoknock")
        server.run("rm /run/systemd/system/chronoknock.service && systemctl daemon-reload")

        # Another server, of install.sh or in a container: it keeps its guard, and what may be its keys and its record.
        boot, quadlet = "/etc/systemd/system/chronoknock-guard.service", "/etc/containers/systemd/chronoknock.container"
        for there in (UNIT, boot, quadlet, "/usr/bin/chronoknock", "table inet chronoknock,", "table inet chronoknock_2,"):
            install()
            guard = there.removesuffix(",") if there.startswith("table") else None
            if guard:
                server.run(f"systemd-run -q --unit other sh -c 'while nft add {guard}; do sleep 0.1; done'")
            said = self.apt(server, "remove chronoknock")
            self.assertEqual("the guard stands yet" in said, guard is not None, said)
            if there == UNIT:
                shutil.copy(SOURCE / "etc/chronoknock.service", server.path(UNIT))
                server.run("systemctl enable -q chronoknock")
            elif not guard:
                server.run(f"install -D /dev/null {there}")
            said = self.apt(server, "purge chronoknock")
            if there == UNIT:
                self.assertEqual(server.run("systemctl is-enabled chronoknock").stdout, "enabled\n")
                server.run("systemctl disable -q chronoknock")
            self.assertIn(f"{there} is there, of another installation perhaps: keys and record stay", said)
            server.run("test -e /etc/chronoknock/keys/alice.key && test -e /var/lib/chronoknock/state.db")
            self.assertEqual(server.run(f"ls {CONFIG}", check=False).stdout, "")  # as it says
            server.run(f"systemctl stop other && nft delete {guard}" if guard else f"rm {there}")

        # Without one, the guard goes by either name, and then they do, on a disk of their own, too.
        install()
        server.run("nft add table inet chronoknock_2 && mount -t tmpfs record /var/lib/chronoknock")
        server.run("touch /var/lib/chronoknock/state.db")
        self.assertIn("the guard is gone", self.apt(server, "remove chronoknock"))
        self.assertEqual(self.tables(), "")
        self.assertIn("the record of knocks are gone", self.apt(server, "purge chronoknock"))
        self.assertEqual(server.run("ls -A /var/lib/chronoknock; ls -d /etc/chronoknock", check=False).stdout, "")


class Bookworm(Life, unittest.TestCase):
    release = "bookworm"


class Trixie(Life, unittest.TestCase):
    release = "trixie"


class Scripts(unittest.TestCase):
    """What prerm and postrm make of a host, without a package: in a network and a mount namespace of their own."""

    def said(self, script, word, before="true", run="sh", apart=()):
        text = (SOURCE / f"etc/debian/chronoknock.{script}").read_text().replace("#DEBHELPER#", "").replace("#UNITS#", "none")
        done = subprocess.run(["unshare", "--net", "--mount", *apart, "sh", "-ec", f"{before}; {run} -s {word}; nft list tables"], input=text,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def test_a_service_s_mount_namespace_is_no_chroot(self):
        said = self.said("prerm", "remove", "nft add table inet chronoknock")
        self.assertIn("the guard is gone", said)
        self.assertNotIn("table inet", said)

    def test_from_a_chroot_the_hosts_guard_is_not_touched(self):
        root = fresh("trixie")
        said = self.said("prerm", "remove", f"nft add table inet chronoknock; mount --bind /proc {root}/proc",
                         run=f"chroot {root} sh", apart=["--pid", "--fork", "--mount-proc"])  # its first process is one to compare with
        self.assertIn("in a chroot", said)
        self.assertIn("table inet chronoknock", said)

    def test_what_nft_does_not_say_is_not_taken_for_no_guard(self):
        with tempfile.TemporaryDirectory() as tools:
            broken = pathlib.Path(tools) / "nft"
            broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
            broken.chmod(0o755)
            self.assertIn("nft does not say whether the guard stands", self.said("prerm", "remove", run=f"PATH={tools}:$PATH sh"))
            hidden = "mount -t tmpfs t /var/lib; mount -t tmpfs t /etc"  # of the host nothing is deleted even if it fails
            self.assertIn("keys and record stay", self.said("postrm", "purge", hidden, run=f"PATH={tools}:$PATH sh"))


class Packing(unittest.TestCase):
    """etc/package.sh, without a build: its version, and whose files it takes away."""

    def test_version_and_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            tree, out, tools = (pathlib.Path(folder) / name for name in ("tree", "out", "tools"))
            subprocess.run(["git", "clone", "-q", "--no-tags", SOURCE, tree], check=True)
            tools.mkdir()
            (tools / "dpkg-buildpackage").write_text(
                "#!/bin/sh\nmade=../chronoknock_$(sed -n '1s/.*(\\(.*\\)).*/\\1/p' debian/changelog)_amd64\n"
                "touch $made.deb $made.changes $made.buildinfo\n", encoding="utf-8")
            (tools / "dpkg-buildpackage").chmod(0o755)
            out.mkdir()
            (out / "other_1_amd64.deb").touch()

            def made(*words):
                subprocess.run([tree / "etc/package.sh", "--out", out, *words], check=True, capture_output=True,
                               env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
                ours, other = sorted(p.name for p in out.glob("*.deb"))
                self.assertEqual(other, "other_1_amd64.deb")
                return ours.removeprefix("chronoknock_").removesuffix("_amd64.deb")

            lists = tree / "CMakeLists.txt"
            version = re.search(r"project\(chronoknock VERSION ([\d.]+)", lists.read_text())[1]
            lists.write_text(lists.read_text().replace(f"VERSION {version}", "VERSION 99"))  # not committed
            self.assertRegex(made(), rf"^{re.escape(version)}~\d{{8}}\.\d{{6}}$")
            self.assertEqual(made("--version", "+1"), f"{version}+1")
            self.assertEqual(made("--version", ""), version)
            subprocess.run(["git", "-C", tree, "tag", f"v{version}"], check=True)
            self.assertEqual(made(), version)
            subprocess.run(["git", "-C", tree, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m",
                            "later"], check=True)
            self.assertRegex(made(), rf"^{re.escape(version)}\+\d{{8}}\.\d{{6}}$")


if __name__ == "__main__":
    done = unittest.main(argv=[sys.argv[0], "-v", *(name.capitalize() for name in sys.argv[1:])], exit=False).result
    sys.exit(0 if done.wasSuccessful() and not done.skipped else 1)
