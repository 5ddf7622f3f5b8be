"""Handing over: invite, profile add, knock; renewing; uninviting; the code that a camera reads."""

import json
import re
import subprocess
import time
import unittest

from case import PORT, WINDOW, LabTest
from lab import start_http

MINE = ["--granularity", WINDOW, "--ports", "10000-60000"]


class Invite(LabTest):
    def setUp(self):
        super().setUp()
        self.web = start_http(self.server, PORT)
        start_http(self.server, 8081, "other")
        self.door = self.lab.chronoknock(
            self.server, services={"web": f"ports = tcp/{PORT}\nopen_for = 60", "other": "ports = tcp/8081\nopen_for = 3"},
            keys={"admin": (self.key("admin"), "web")}, start=False,
            sections={"server": "include = conf.d/*.ini", "knock": "tracked = 1024"})
        self.guards.append(self.door)
        self.conf_d, self.keys = self.server.home / "conf.d", self.server.home / "keys"

    def program(self, host, *args, check=True, stdin=""):
        done = host.run([self.lab.program, *map(str, args)], check=False, stdin=stdin)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def changing(self, *args, **options):
        """A command that changes the server's configuration; a server that runs has taken it up then."""
        before = self.door.log().count("configuration read again") if self.door.process else 0
        done = self.program(self.server, *args, "--config", self.door.config, **options)
        if self.door.process and "SIGHUP" in done.stderr:
            self.door.reload()
        if self.door.process:
            self.door.wait_log("configuration read again", 20, count=before + 1)
        return done

    def invite(self, name, *options):
        done = self.changing("invite", name, "--time-server", "none", "--host", self.server.ip4, *options)
        self.assertRegex(done.stdout.splitlines()[0], r"\Achronoknock://[!-~]+\Z")
        return done

    def take_in(self, done, name="home", *options):
        self.program(self.client, "profile", "add", name, "-", *options, stdin=done.stdout.splitlines()[0] + "\n")

    def client_key(self, profile):
        return self.client.home / f"config/chronoknock/keys/{profile}.key"

    def key_of(self, name):
        return next((k for k in self.door.status()["keys"] if k["name"] == name), None)

    def listing(self):
        return {str(p): p.read_text() for p in self.server.home.rglob("*") if p.is_file() and p.suffix in (".ini", ".key", ".new", ".removed")}

    def knock_opens(self, profile="home", port=PORT):
        self.program(self.client, "knock", profile)
        self.assert_opens(self.client, port=port)

    def test_from_an_invitation_to_an_open_door(self):
        self.door.start()
        done = self.invite("alice", "--service", "web", *MINE)
        self.assertIn("the line above holds the key", done.stderr)
        self.take_in(done)
        self.first_window(WINDOW)
        self.assert_shut(self.client)
        self.knock_opens()
        self.assert_shut(self.other)
        prints = {re.search(r"\b[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}\b", text)[0] for text in (
            done.stderr, self.program(self.client, "profile", "show", "home").stdout, self.key_of("alice")["fingerprint"],
            self.program(self.server, "check", "--config", self.door.config).stdout.partition("key alice\n")[2])}
        self.assertEqual(len(prints), 1)
        secret = re.search(r"secret = (\S+)", (self.keys / "alice.key").read_text())[1]
        for text in (done.stderr, self.door.log()):
            self.assertNotIn(secret[:20], text)
            self.assertNotIn("chronoknock://", text.replace("chronoknock://...", ""))

    def test_the_first_key_of_a_server(self):
        text = self.door.config.read_text()
        self.door.config.write_text(text[:text.index("[key.admin]")])
        self.take_in(self.invite("alice", "--service", "web,other", *MINE))
        self.door.start()
        self.first_window(WINDOW)
        self.program(self.client, "knock", "home")
        self.assert_opens(self.client)
        self.assert_opens(self.client, port=8081)

    def test_each_method(self):
        self.door.start()
        self.first_window(1)  # a one-time key counts from a record that is older
        for method, options in (("sealed", ["--granularity", 10, "--carrier", "udp"]), ("fwknop", []), ("otp", []),
                                ("challenge", MINE)):
            with self.subTest(method):
                self.take_in(self.invite(method, "--service", "other", "--method", method, *options), method)
                self.first_window(WINDOW if method == "challenge" else 1)
                if method == "fwknop":  # its packets count from two minutes after the record began: seen is enough
                    self.program(self.client, "knock", method, "--wait-limit", "200ms", check=False)
                    self.door.wait_log("key fwknop, packet of")
                else:
                    self.knock_opens(method, 8081)
                print_ = self.program(self.client, "profile", "show", method, "--json").stdout
                self.assertEqual(json.loads(print_)["fingerprint"], self.key_of(method)["fingerprint"])
                self.client.wait_shut(self.server.ip4, 8081, seconds=40)

    def test_renewal(self):
        self.door.start()
        self.take_in(self.invite("alice", "--service", "web", *MINE))
        ends = time.time() + 25
        done = self.changing("invite", "alice", "--renew", "--until", "25s", "--time-server", "none")
        over = time.time() + 25
        self.assertIn("key alice is good until", done.stderr)
        self.take_in(done, "new")
        self.assertEqual((self.keys / "alice.2.key").read_text().count("granularity = 2"), 1)
        self.first_window(WINDOW)
        self.knock_opens("new")
        self.client.knock(self.server, self.client_key("home"), "web")
        self.wait_for(lambda: self.door.status()["knocks"]["granted"] == 2, "both keys to open")
        self.assertLess(time.time(), ends, "too slow to tell")
        self.assertFalse(self.key_of("alice")["expired"])
        self.lab.until(over + 1)
        self.first_window(WINDOW)
        self.client.knock(self.server, self.client_key("home"), "web")
        self.door.wait_log("refused a knock from")
        self.door.wait_log("the key was good until")
        self.assertTrue(self.key_of("alice")["expired"])
        self.assertNotIn("until", self.key_of("alice.2"))
        self.assertIn("NO LONGER GOOD", self.program(self.server, "status", "--control", self.door.control).stdout)
        self.assertIn("[key.alice] until: it opens nothing any more",
                      self.program(self.server, "check", "--config", self.door.config).stderr)
        self.changing("uninvite", "alice", "--old")
        self.assertIsNone(self.key_of("alice"))
        self.assertIsNotNone(self.key_of("alice.2"))
        self.assertEqual(sorted(p.name for p in self.keys.iterdir()), ["alice.2.key"])

    def test_a_renewed_key_of_the_main_file(self):
        self.door.config.chmod(0o644)
        before = self.door.config.read_text()
        self.changing("invite", "admin", "--renew", "--until", "2099-01-01", "--host", "h")
        self.assertEqual(self.door.config.read_text(),
                         before.replace("services = web\n", "services = web\nuntil = 2099-01-01 00:00:00\n"))
        self.assertEqual(self.door.config.stat().st_mode & 0o777, 0o644)
        self.assertIn("host = h\n", (self.conf_d / "admin.2.ini").read_text())

    def test_uninvited(self):
        self.door.start()
        self.take_in(self.invite("alice", "--service", "web", *MINE))
        self.first_window(WINDOW)
        self.knock_opens()
        done = self.changing("uninvite", "alice")
        self.assertEqual(done.stdout, f"removed {self.conf_d}/alice.ini\nremoved {self.keys}/alice.key\n")
        self.assertEqual([*self.conf_d.iterdir(), *self.keys.iterdir()], [])
        self.assertIsNone(self.key_of("alice"))
        if "grants ended" in done.stderr:
            self.client.wait_shut(self.server.ip4, PORT)
        granted = self.door.status()["knocks"]["granted"]
        self.first_window(WINDOW)
        self.client.knock(self.server, self.client_key("home"), "web")
        self.client.knock(self.server, self.lab.folder / "admin.key", "web")  # seen after the other
        self.wait_for(lambda: self.door.status()["knocks"]["granted"] == granted + 1, "the other key to open")

    def test_uninvited_and_cut(self):
        self.door.start()
        self.take_in(self.invite("alice", "--service", "web", *MINE))
        self.first_window(WINDOW)
        self.knock_opens()
        with self.client.connect(self.server.ip4, PORT) as connection:
            def answered():
                connection.settimeout(10)
                try:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                    return b"200 OK" in connection.recv(4096)
                except OSError:
                    return False
            self.assertTrue(answered())
            done = self.changing("uninvite", "alice", "--cut")
            self.assertIn("grants ended, and the connections cut", done.stderr)
            self.assertFalse(answered())
        self.assert_shut(self.client)

    def test_uninvited_again_after_it_was_broken_off(self):
        """The files are gone, and the server goes on with the key."""
        self.door.start()
        self.take_in(self.invite("alice", "--service", "web", *MINE))
        self.first_window(WINDOW)
        self.knock_opens()
        with self.client.connect(self.server.ip4, PORT) as connection:
            for path in (self.conf_d / "alice.ini", self.keys / "alice.key"):
                path.unlink()
            self.assertIsNotNone(self.key_of("alice"))
            done = self.changing("uninvite", "alice", "--cut")
            self.assertIn("grants ended, and the connections cut", done.stderr)
            self.assertIsNone(self.key_of("alice"))
            connection.settimeout(1)
            with self.assertRaises(OSError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                if not connection.recv(4096):
                    raise ConnectionResetError
        self.assert_shut(self.client)
        stranger = self.program(self.server, "uninvite", "nobody", "--config", self.door.config, check=False)
        self.assertEqual(stranger.returncode, 2)
        self.assertEqual(stranger.stderr,
                         f"chronoknock: {self.door.config}: no [key.nobody], and the running server knows of none\n")

    def test_the_last_key(self):
        text = self.door.config.read_text()
        self.door.config.write_text(text[:text.index("[key.admin]")])
        self.invite("alice", "--service", "web", *MINE)
        before = self.listing()
        done = self.changing("uninvite", "alice", check=False)  # no server has ever run
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected at least one section [key.NAME]", done.stderr)
        self.assertEqual(self.listing(), before)
        self.door.start()
        done = self.changing("uninvite", "alice")
        self.assertIn("that was the last key", done.stderr)
        self.assertEqual(self.door.status()["keys"], [])
        self.assert_shut(self.client)
        self.take_in(self.invite("bob", "--service", "web", *MINE))
        self.first_window(WINDOW)
        self.knock_opens()

    def test_the_code_is_read_by_a_camera(self):
        done = self.invite("alice", "--service", "web", "--qr", *MINE)
        uri, *rows = done.stdout.splitlines()
        light = {"\u2588": (1, 1), "\u2580": (1, 0), "\u2584": (0, 1), " ": (0, 0)}
        picture = [bytes(255 if light[c][half] else 0 for c in row for _ in range(6))
                   for row in rows for half in (0, 1) for _ in range(6)]
        self.assertEqual(len({len(row) for row in picture}), 1)
        path = self.lab.folder / "code.pgm"
        path.write_bytes(b"P5 %d %d 255\n" % (len(picture[0]), len(picture)) + b"".join(picture))
        read = subprocess.run(["zbarimg", "--quiet", "--raw", path], capture_output=True, text=True)
        self.assertEqual((read.returncode, read.stdout.strip()), (0, uri), read.stderr)

    def test_what_goes_wrong_leaves_nothing_behind(self):
        before = self.listing()
        for args, message in (
                (["alice", "--service", "nonsense", "--host", "h"], "there is no [service.nonsense]"),
                (["alice", "--service", "web"], "--host: expected, and missing"),
                (["alice", "--host", "h"], "--service: expected, and missing"),
                (["alice", "--service", "web", "--host", "a b"], "--host: expected the name or address"),
                (["alice", "--service", "web", "--host", "h", "--length", "3"], "a security budget of"),
                (["alice", "--service", "web", "--host", "h", "--function", "md6"], "--function: expected"),
                (["alice", "--service", "web", "--host", "h", "--method", "x"], "--method: expected one of"),
                (["alice", "--service", "web", "--host", "h", "--time-server", "a b"], "--time-server: expected"),
                (["alice", "--service", "web", "--host", "h", "--until", "30d"], "--until: expected beside --renew"),
                (["admin", "--service", "web", "--host", "h"], "section [key.admin] stands twice"),
                (["alice", "--renew"], "no [key.alice] to renew"),
                (["admin", "--renew", "--host", "h", "--until", "1999-01-01"], "--until: expected a date to come"),
                (["alice.2", "--service", "web", "--host", "h"], "NAME: expected a name"),
                (["../alice", "--service", "web", "--host", "h"], "NAME: expected a name"),
                (["alice", "--service", "web", "--host", "h", "--qr", "--method", "static"],
                 "--qr: "), (["alice", "--service", "web", "--host", "h", "--time-server", "none, a"], "--time-server: ")):
            with self.subTest(args[:5]):
                done = self.changing("invite", *args, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(message, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
                self.assertEqual(self.listing(), before)
                self.assertFalse(self.conf_d.exists() or self.keys.exists())

    def test_what_cannot_be_written_leaves_nothing_behind(self):
        """The key's folder is made and the key written before the section fails."""
        self.conf_d.write_text("in the way")
        done = self.changing("invite", "alice", "--service", "web", "--host", "h", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertFalse(self.keys.exists())
        self.conf_d.unlink()
        # Nor does a line that nobody can have read.
        with open("/dev/full", "w") as full:
            done = subprocess.run([self.lab.program, "invite", "alice", "--service", "web", "--host", "h", "--config",
                                   self.door.config], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write to standard output", done.stderr)
        self.assertFalse(self.conf_d.exists() or self.keys.exists())

    def test_without_an_include(self):
        self.door.config.write_text(self.door.config.read_text().replace("include = conf.d/*.ini", ""))
        done = self.changing("invite", "alice", "--service", "web", "--host", "h", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("[server] include: expected, and missing", done.stderr)
        self.door.config.write_text(self.door.config.read_text().replace("[server]", "[server]\ninclude = a.d/x*"))
        done = self.changing("invite", "alice", "--service", "web", "--host", "h", check=False)
        self.assertIn("expected a pattern that takes in alice.ini", done.stderr)

    def test_no_server_is_said_in_a_line(self):
        done = self.invite("alice", "--service", "web", *MINE)
        self.assertIn("no server is running", done.stderr)

    def test_an_included_file_that_breaks_changes_nothing(self):
        self.door.start()
        self.invite("alice", "--service", "web", *MINE)
        (self.conf_d / "bob.ini").write_text("[key.bob]\nfile = none\nservices = web\n")
        self.door.reload()
        self.door.wait_log(f"the configuration stays as it was: {self.conf_d}/bob.ini:2: [key.bob] file: {self.conf_d}/none")
        self.assertIsNotNone(self.key_of("alice"))
        (self.conf_d / "bob.ini").unlink()
        self.changing("uninvite", "alice")
        self.assertIsNone(self.key_of("alice"))


if __name__ == "__main__":
    unittest.main()
