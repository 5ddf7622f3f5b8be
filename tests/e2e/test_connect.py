"""`connect`: tries the door, knocks if need be, and is the connection then; with ssh, scp, rsync and git."""

import contextlib
import fcntl
import filecmp
import os
import pathlib
import pty
import random
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import unittest

import long_path
from case import PORT, WINDOW, LabTest
from lab import start_chronyd, start_http, start_sshd, wait_for

NAME = "door.example"


class Connect(LabTest):
    def setUp(self):
        super().setUp()
        self.hosts = self.lab.folder / "hosts"
        self.name_addresses(self.server.ip6, self.server.ip4)

    def name_addresses(self, *addresses):
        """The addresses that NAME has from now on."""
        self.hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{a} {NAME}\n" for a in addresses))

    def named(self, *argv):
        """A command for which NAME has addresses."""
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', self.hosts, *argv]

    def connect_argv(self, key, target=NAME, port=PORT, *options):
        return self.named(self.lab.program, "connect", target, port, "--key", key, "--time-server", "none", *options)

    def connect(self, *args, stdin=b"", timeout=60):
        return subprocess.run([str(a) for a in self.connect_argv(*args)], input=stdin, capture_output=True,
                              timeout=timeout, env={**os.environ, **self.client.env}, preexec_fn=self.client._enter, check=False)

    def ssh_guard(self, key, open_for=30, sections=None, ports="tcp/22"):
        self.sshd = start_sshd(self.server)
        guard = self.guard(key, sections=sections, services={"ssh": f"ports = {ports}\nopen_for = {open_for}"},
                           keys={"alice": (key, "ssh")})
        self.config = self.lab.folder / "ssh_config"
        self.config.write_text(f"""
Host *
    IdentityFile {self.sshd.identity}
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    ProxyCommand {self.lab.program} connect --key {key} --time-server none %h %p
""")
        return guard

    def ssh(self, *command, check=True):
        return self.client.run(self.named("ssh", "-F", self.config, NAME, *command), check=check)

    def opened(self, guard):
        return guard.log().count("key alice opens")


class Ssh(Connect):
    def test_a_name_of_both_families_on_whichever_works(self):
        key = self.key()
        guard = self.ssh_guard(key)
        blocked = {4: "meta nfproto ipv4 drop", 6: "meta nfproto ipv6 drop", None: ""}
        for family in (None, 4, 6):
            with self.subTest(blocked=family):
                guard.process.stop()
                self.server.run(["nft", "flush", "ruleset"])
                for file in guard.folder.glob("state.db*"):
                    file.unlink()
                guard.start()
                self.first_window(2)
                self.lab.router_rules(blocked[family])
                begin = time.monotonic()
                seen = self.ssh("echo $SSH_CONNECTION").stdout.split()
                if family:
                    works = 10 - family
                    self.assertEqual(seen[0], self.client.ip(works))
                    self.assertEqual(seen[2], self.server.ip(works))
                else:
                    self.assertIn(seen[0], (self.client.ip4, self.client.ip6))
                self.assertLess(time.monotonic() - begin, 20)

    def test_ten_in_a_row_cost_one_knock(self):
        key = self.key(granularity=10)
        guard = self.ssh_guard(key, open_for=300)
        self.first_window(10)
        for i in range(10):
            done = self.ssh("echo", i)
            self.assertEqual((done.stdout, done.stderr), (f"{i}\n", ""))  # nor did it wait
        # One knock, which opens for the address of each family.
        for version in (4, 6):
            opened = re.findall(rf"key alice opens .* to {re.escape(self.client.ip(version))},", guard.log())
            self.assertEqual(len(opened), 1, guard.log())
        self.assertEqual(self.opened(guard), 2, guard.log())

    def test_ten_in_a_row_by_one_family_cost_one_knock(self):
        key = self.key(granularity=10)
        guard = self.ssh_guard(key)
        self.config.write_text(self.config.read_text().replace(" connect --key", " connect -4 --key"))
        self.first_window(10)
        for i in range(10):
            self.assertEqual(self.ssh("echo", i).stdout, f"{i}\n")
        self.assertEqual(self.opened(guard), 1, guard.log())

    def test_ten_at_once_wait_for_no_window(self):
        key = self.key(granularity=30)
        guard = self.ssh_guard(key)
        self.first_window(30)
        done = [self.client.spawn(self.named("ssh", "-F", self.config, NAME, "echo", "in"),
                                  log=self.lab.folder / f"ssh{i}") for i in range(10)]
        for process in done:
            wait_for(lambda p=process: not p.alive(), "ssh to end", 20)
            self.assertEqual(process.text(), "in\n")
        self.assertLessEqual(self.opened(guard), 2)

    def test_what_goes_through_arrives_whole(self):
        key = self.key()
        self.ssh_guard(key)
        folder = self.lab.folder / "work"
        folder.mkdir()
        data = folder / "data"
        data.write_bytes(random.Random(1).randbytes(20_000_000))
        self.client.run(self.named("scp", "-F", self.config, data, f"{NAME}:{folder}/by-scp"))
        self.assertTrue(filecmp.cmp(data, folder / "by-scp", shallow=False))
        self.client.run(self.named("scp", "-F", self.config, f"{NAME}:{folder}/by-scp", folder / "back"))
        self.assertTrue(filecmp.cmp(data, folder / "back", shallow=False))
        self.client.run(self.named("rsync", "-e", f"ssh -F {self.config}", data, f"{NAME}:{folder}/by-rsync"))
        self.assertTrue(filecmp.cmp(data, folder / "by-rsync", shallow=False))
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always",
               "-c", "safe.directory=*"]
        self.client.run([*git, "init", "-q", folder / "repo"])
        shutil.copy(data, folder / "repo")
        self.client.run([*git, "-C", folder / "repo", "add", "data"])
        self.client.run([*git, "-C", folder / "repo", "commit", "-qm", "data"])
        self.client.run(self.named("git", "clone", "-q", f"ssh://{NAME}{folder}/repo", folder / "clone"),
                        env={"GIT_SSH_COMMAND": f"ssh -F {self.config}"})
        self.assertTrue(filecmp.cmp(data, folder / "clone/data", shallow=False))

    def test_a_connection_that_is_handed_over(self):
        key = self.key()
        self.ssh_guard(key)
        self.config.write_text(self.config.read_text().replace(" connect --key", " connect --fdpass --key")
                               + "    ProxyUseFdpass yes\n")
        self.assertEqual(self.ssh("echo in").stdout, "in\n")

    def test_mosh(self):
        """The recipe of chronoknock-connect(1): one service opens ssh and the ports that the session goes on by."""
        key = self.key()
        self.ssh_guard(key, ports="tcp/22, udp/60000-61000")
        proxy = f"{self.lab.program} connect {self.server.ip4} %p --key {key} --time-server none"
        ssh = f"ssh -F {self.config} -o 'ProxyCommand {proxy}'"
        master, terminal = pty.openpty()
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        session = subprocess.Popen(
            ["mosh", "--experimental-remote-ip=remote", "--server=env LC_ALL=C.UTF-8 mosh-server", f"--ssh={ssh}",
             self.server.ip4, "--", "sh", "-c", "echo by udp; read x; echo heard $x; read y"],
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, preexec_fn=self.client._enter,
            env={**os.environ, **self.client.env, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
        os.close(terminal)
        self.addCleanup(os.close, master)
        self.addCleanup(session.wait)
        self.addCleanup(session.kill)
        shown = bytearray()

        def see(text):
            def seen():
                if select.select([master], [], [], 0)[0]:
                    with contextlib.suppress(OSError):
                        shown.extend(os.read(master, 4096))
                return text in shown
            wait_for(seen, f"{text} on the terminal; it shows {bytes(shown)}", 20)
        see(b"by udp")
        os.write(master, b"me\n")
        see(b"heard me")
        os.write(master, b"\n")
        see(b"mosh is exiting")

    def test_match_exec_and_knock_before(self):
        key = self.key()
        self.ssh_guard(key)
        self.config.write_text(self.config.read_text().partition("    ProxyCommand")[0] + f"""
Match host {NAME} exec "{self.lab.program} knock %h --key {key} --time-server none --wait %p"
""")
        self.assertEqual(self.ssh("echo in").stdout, "in\n")


class Bytes(Connect):
    def serve(self, answer, *, family=socket.AF_INET6):
        """A server at PORT that does `answer` with each connection; the door is open."""
        listener = self.server.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::", PORT))
        listener.listen()
        self.failures = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as s:
                        s.settimeout(20)
                        answer(s)
        threading.Thread(target=serve, daemon=True).start()

    def test_end_of_input_lets_the_answer_come(self):
        def answer(s):
            got = b"".join(iter(lambda: s.recv(65536), b""))
            s.sendall(b"got %d" % len(got))
        self.serve(answer)
        done = self.connect(self.key(), stdin=bytes(3_000_000))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"got 3000000", b""))

    def test_end_of_the_peer_lets_the_rest_go(self):
        got = []

        def answer(s):
            s.sendall(b"bye")
            s.shutdown(socket.SHUT_WR)
            got.append(b"".join(iter(lambda: s.recv(65536), b"")))
        self.serve(answer)
        for plain in (subprocess.PIPE, "socket"):
            with self.subTest(stdio=plain):
                got.clear()
                mine, theirs = socket.socketpair() if plain == "socket" else (None, None)
                p = subprocess.Popen([str(a) for a in self.connect_argv(self.key())],
                                     stdin=theirs or subprocess.PIPE, stdout=theirs or subprocess.PIPE,
                                     env={**os.environ, **self.client.env}, preexec_fn=self.client._enter)
                if mine:
                    theirs.close()
                    mine.settimeout(20)
                    self.assertEqual(mine.recv(100, socket.MSG_WAITALL), b"bye")
                    mine.sendall(b"still here")
                    mine.shutdown(socket.SHUT_WR)
                else:
                    self.assertEqual(p.stdout.read(), b"bye")  # up to its end
                    p.stdin.write(b"still here")
                    p.stdin.close()
                self.assertEqual(p.wait(20), 0)
                wait_for(lambda: got, "the server to have it all")
                self.assertEqual(got, [b"still here"])
                if mine:
                    mine.close()
                else:
                    p.stdout.close()

    def test_files_and_terminals(self):
        self.serve(lambda s: s.sendall(b"".join(iter(lambda: s.recv(65536), b""))))
        source, target = self.lab.folder / "in", self.lab.folder / "out"
        source.write_bytes(random.Random(2).randbytes(5_000_000))
        for mode in ("wb", "ab"):  # splice(2) takes no file to append to
            with self.subTest(mode), open(source, "rb") as stdin, open(target, mode) as stdout:
                target.write_bytes(b"")
                done = subprocess.run([str(a) for a in self.connect_argv(self.key())], stdin=stdin, stdout=stdout,
                                      env={**os.environ, **self.client.env}, preexec_fn=self.client._enter, timeout=60,
                                      check=False)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(filecmp.cmp(source, target, shallow=False))

    def test_a_connection_that_breaks_is_the_end(self):
        def answer(s):
            s.recv(1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.serve(answer)
        p = subprocess.Popen([str(a) for a in self.connect_argv(self.key())], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, env={**os.environ, **self.client.env},
                             preexec_fn=self.client._enter)
        p.stdin.write(b"x")
        p.stdin.flush()
        p.wait(20)  # though its input goes on
        p.stdin.close()
        p.stdout.close()


class Door(Connect):
    def test_it_waits_for_few_libraries(self):
        """Each that the loader must find and relocate delays every connection (CMakeLists.txt, CHRONOKNOCK_STATIC)."""
        said = self.client.run(["readelf", "-d", self.lab.program]).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[([a-z_-]+)", said))
        of_crypto = {"libz", "libzstd"}  # Debian 13's
        self.assertLessEqual(needed, {"libmnl", "libqrencode", "libm", "libc", "libpthread", "ld-linux-x"} | of_crypto)

    def test_a_door_that_refuses_is_shut_at_once(self):
        key = self.key()
        guard = self.guard(key, sections={"firewall": "unauthorized = reset"})
        took = []
        while min(took, default=2) >= 2 and len(took) < 3:  # the machine may stall
            if took:
                self.server.run([self.lab.program, "revoke", "alice", "--control", guard.control])
                self.first_window(WINDOW)
            begin = time.monotonic()
            done = self.connect(key, stdin=b"GET / HTTP/1.0\r\n\r\n")
            took.append(time.monotonic() - begin)
            self.assertIn(b"behind the door", done.stdout, done.stderr)
        self.assertLess(min(took), 2, took)

    def test_a_long_path(self):
        """200 ms to the server and back, by a router: what answers late is no shut door."""
        far = "10.97.0.1"
        middle = self.lab.host("middle")
        for host, last in ((self.server, 1), (self.client, 2)):
            host.run(["ip", "link", "add", "slow", "type", "veth", "peer", "name", f"end{last}", "netns", middle.path])
            host.run(["ip", "-batch", "-"], stdin=f"link set slow up\naddr add 10.98.0.{last}/24 dev slow\n")
            middle.run(["ip", "link", "set", f"end{last}", "up"])
            with host.inside():
                long_path.write_checksums("slow")
        self.server.run(["ip", "addr", "add", far, "dev", "lo"])
        self.client.run(["ip", "route", "add", far, "via", "10.98.0.1"])
        wire = middle.spawn([sys.executable, "-B", pathlib.Path(__file__).with_name("long_path.py"), "end1", "end2",
                             "100"], log=self.lab.folder / "wire.log")
        wire.wait_for_text("ready")
        start_http(self.server, 8081)
        key = self.key()
        guard = self.guard(key)
        ask = b"GET / HTTP/1.0\r\n\r\n"
        for port, knocks in ((8081, 0), (PORT, 1), (PORT, 1)):  # an open door; a shut one; the same, now open
            done = self.connect(key, far, port, stdin=ask)
            self.assertIn(b"behind the door", done.stdout, done.stderr)
            self.assertEqual(guard.count_log("key alice opens", knocks), knocks)

    def test_one_that_stays_shut(self):
        key, other = self.key(), self.key("mallory")
        self.guard(key)
        for argv in (self.connect_argv(other, NAME, PORT, "--wait-limit", "500ms"),
                     self.named(*self.client.knock_argv(NAME, other, "", "--wait", PORT, "--wait-limit", "500ms"))):
            done = self.client.run(argv, check=False)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertRegex(done.stderr, rf"\Achronoknock: port {PORT} did not open within 500ms: [^\n;]+; [^\n]+\n\Z")

    def test_knock_tries_first_and_knocks_on_both_families(self):
        key = self.key()
        guard = self.guard(key)
        knock = self.named(*self.client.knock_argv(NAME, key, "web", "--wait", PORT))
        said = self.client.run(knock).stdout
        for version in (4, 6):
            self.assertIn(f"knocked on {self.server.ip(version)} from {self.client.ip(version)}: ", said)
            self.assert_opens(self.client, self.server.ip(version))
        self.assertRegex(said, rf"port {PORT} open [\d.]+ m?s after the last SYN\n\Z")
        self.assertEqual(self.client.run(knock).stdout, f"port {PORT} is open: no knock was needed\n")
        self.assertEqual(guard.count_log("key alice opens", 2), 2)
        for option, version in (("-4", 4), ("-6", 6)):
            said = self.client.run(self.named(*self.client.knock_argv(NAME, key, "web", option))).stdout
            self.assertEqual(said.count("knocked on"), 1)
            self.assertIn(f"knocked on {self.server.ip(version)} ", said)

    def test_keys_that_ignore_the_address_open_one_family_by_one_knock(self):
        for method, fields in (("time-sequence", {"ignore": "ip"}), ("challenge", {"method": "challenge"})):
            with self.subTest(method):
                key = self.key(method, **fields)
                guard = self.guard(key)
                before = guard.log().count("key alice opens")
                done = self.connect(key, stdin=b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn(b"behind the door", done.stdout, done.stderr)
                self.assertEqual(done.stderr, b"")
                self.assertEqual(guard.count_log("key alice opens", before + 1), before + 1)
                guard.stop()
                self.server.run(["nft", "flush", "ruleset"])

    def test_the_time_is_asked_of_a_server(self):
        key = self.key()
        start_chronyd(self.server)
        self.guard(key)
        for _ in range(2):
            done = self.client.run(self.named(self.lab.program, "connect", NAME, PORT, "--key", key, "--time-server",
                                              self.server.ip4), stdin="GET / HTTP/1.0\r\n\r\n")
            self.assertIn("behind the door", done.stdout)

    def test_unfit_words(self):
        key = self.key()
        for argv, message in (([NAME], "expected a target and a port"), ([NAME, "0"], "PORT: expected a whole number"),
                              ([NAME, PORT, "--close"], "--close")):
            done = self.client.run([self.lab.program, "connect", *argv, "--key", key], check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
