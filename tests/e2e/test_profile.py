"""The client's profiles: taken in, listed, shown, removed; and the forms in which a target is written."""

import os
import pty
import re
import stat
import subprocess
import unittest

from cli import PROGRAM, SECRET, Case


class Profiles(Case):
    def setUp(self):
        super().setUp()
        self.ini = self.folder / ".config/chronoknock/client.ini"
        self.keys = self.ini.parent / "keys"

    def invite(self, name="alice", *options):
        """An invitation, as the server prints it."""
        config = self.folder / "server/c.ini"
        if not config.exists():
            config.parent.mkdir()
            config.write_text(f"[server]\ncontrol = {self.folder}/none.sock\ninclude = conf.d/*.ini\n"
                              "[service.ssh]\nports = tcp/22\n[service.web]\nports = tcp/80\n")
        said = self.run_program("invite", name, "--service", "ssh", "--host", "server.example", "--config", config, *options)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.told = said.stderr
        return said.stdout.strip()

    def listing(self):
        return {str(p.relative_to(self.folder)): p.read_text() for p in self.folder.glob(".config/**/*") if p.is_file()}

    def test_added_from_an_argument(self):
        uri = self.invite()
        said = self.done("profile", "add", "home", uri)
        print_ = re.search(r"fingerprint ([\w-]+)", self.told)[1]
        self.assertRegex(print_, r"\A[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}\Z")
        self.assertEqual(said, f"profile home: server.example, key fingerprint {print_}\n")
        self.assertEqual(self.ini.read_text(), "[profile.home]\nhost = server.example\nkey = keys/home.key\n"
                                               "service = ssh\nwait = 22\n")
        server_key = self.folder / "server/keys/alice.key"
        self.assertEqual((self.keys / "home.key").read_text(), server_key.read_text())
        for path, mode in ((self.ini, 0o600), (self.keys / "home.key", 0o600), (self.keys, 0o700), (self.ini.parent, 0o700)):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode, path)
        shown = self.done("profile", "show", "home")
        self.assertIn(print_, shown)
        self.assertIn("server.example", self.done("profile", "list"))
        secret = re.search(r"secret = (\S+)", server_key.read_text())[1]
        for args in (("show", "home"), ("list",), ("show", "home", "--json"), ("list", "--json")):
            self.assertNotIn(secret[:16], self.done("profile", *args))

    def test_added_from_standard_input(self):
        result = subprocess.run([PROGRAM, "profile", "add", "home", "-"], input=self.invite() + "\n", env=self.env,
                                capture_output=True, text=True, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue((self.keys / "home.key").exists())

    def test_added_at_a_prompt_that_does_not_echo(self):
        uri = self.invite()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, [PROGRAM, "profile", "add", "home"], self.env)
        seen = b""
        while b"): " not in seen:
            seen += os.read(terminal, 4096)
        os.write(terminal, uri.encode() + b"\n")
        while True:
            try:
                more = os.read(terminal, 4096)
            except OSError:
                break
            if not more:
                break
            seen += more
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, seen)
        os.close(terminal)
        self.assertNotIn(uri[:40].encode(), seen)
        self.assertTrue((self.keys / "home.key").exists())

    def test_nothing_is_overwritten(self):
        self.done("profile", "add", "home", self.invite())
        other = self.invite("bob")
        before = self.listing()
        self.assertEqual(self.refused("profile", "add", "home", other),
                         f"{self.ini}: [profile.home] is there already; --replace puts the invitation in its place")
        self.assertEqual(self.listing(), before)
        self.keys.joinpath("work.key").write_text("mine")
        self.assertIn("work.key: exists already", self.refused("profile", "add", "work", other))

    def test_replaced(self):
        self.done("profile", "add", "home", self.invite())
        self.ini.write_text("# my own words\n" + self.ini.read_text() + "gap = 5ms   # slow line\n\n# the end\n")
        self.done("profile", "add", "home", self.invite("bob"), "--replace")
        self.assertEqual(self.ini.read_text(),
                         "# my own words\n[profile.home]\nhost = server.example\nkey = keys/home.2.key\nservice = ssh\n"
                         "wait = 22\ngap = 5ms   # slow line\n\n# the end\n")
        self.assertEqual([p.name for p in self.keys.iterdir()], ["home.2.key"])
        self.assertEqual((self.keys / "home.2.key").read_text(), (self.folder / "server/keys/bob.key").read_text())

    def test_removed(self):
        self.done("profile", "add", "home", self.invite())
        self.ini.write_text(self.ini.read_text() + "\n# work\n[profile.work]\nhost = w\nkey = ../own.key\n")
        self.assertEqual(self.done("profile", "remove", "home"), f"removed profile home and {self.keys}/home.key\n")
        self.assertEqual(self.ini.read_text(), "# work\n[profile.work]\nhost = w\nkey = ../own.key\n")
        own = self.put(".config/own.key", SECRET)
        self.assertIn("the key file stays", self.done("profile", "remove", "work"))
        self.assertTrue(own.exists())
        self.assertIn("no [profile.work]", self.refused("profile", "remove", "work"))

    def test_a_cut_or_strange_line_leaves_nothing(self):
        uri = self.invite()
        for line, message in ((uri[:-1], "the invitation is not whole: it was cut short or changed on the way"),
                              (uri.replace("1/", "7/", 1), "the invitation is of version 7, which a newer chronoknock reads"),
                              ("hello", "expected an invitation, chronoknock://...")):
            self.assertEqual(self.refused("profile", "add", "home", line), message)
        self.assertFalse(self.ini.parent.exists())

    def test_a_broken_file_is_left_alone(self):
        self.ini.parent.mkdir(parents=True)
        self.ini.write_text("[profile.a]\nhost = h\n")
        self.assertEqual(self.refused("profile", "add", "home", self.invite()),
                         f"{self.ini}:1: [profile.a] key: expected, and missing")
        self.assertEqual(self.listing(), {".config/chronoknock/client.ini": "[profile.a]\nhost = h\n"})

    def test_what_cannot_be_written_leaves_nothing(self):
        self.ini.parent.mkdir(parents=True)
        self.keys.write_text("in the way")
        self.assertIn(str(self.keys), self.refused("profile", "add", "home", self.invite(), status=1))
        self.assertEqual(self.listing(), {".config/chronoknock/keys": "in the way"})

    def test_bad_usage(self):
        for args in ((), ("lists",), ("list", "x"), ("show",), ("show", "a", "b"), ("add",)):
            self.assertTrue(self.refused("profile", *args).startswith("expected add, list, show or remove"))
        self.assertIn("NAME: expected 1 to 64", self.refused("profile", "add", "../x", "hello"))

    def test_a_tilde_in_a_path(self):
        self.put("own.key", SECRET + "granularity = 3600\n")
        self.ini.parent.mkdir(parents=True)
        self.ini.write_text("[profile.home]\nhost = 127.0.0.1\nkey = ~/own.key\ntime_servers = none\n")
        self.assertIn("knocked on 127.0.0.1", self.done("knock", "home", "--rounds", "1"))
        self.assertIn("knocked on 127.0.0.1", self.done("knock", "me@home", "ssh", "--rounds", "1"))

        self.assertEqual(self.refused("knock", "home:22"), "TARGET: expected HOST; did you mean --wait 22 home?")

    def test_forms_of_a_target(self):
        key = self.put("k", SECRET + "granularity = 3600\n")
        options = ["--key", key, "--time-server", "none", "--rounds", "1", "--at", "1000"]
        for target, host in (("me@127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("me@[::1]", "::1"), ("::1", "::1")):
            self.assertIn(f"knocked on {host} ", self.done("knock", target, *options))
        for target, message in (("127.0.0.1:22", "expected HOST; did you mean --wait 22 127.0.0.1?"),
                                ("me@[::1]:ssh", "expected HOST; did you mean --wait ssh ::1?"),
                                ("[::1", "expected HOST, USER@HOST, HOST:PORT or [IPV6]:PORT, not '[::1'")):
            self.assertEqual(self.refused("knock", target, *options), "TARGET: " + message)
        said = self.run_program("knock", "127.0.0.1", *options, "--wait", "ssh", "--wait-limit", "100ms")
        self.assertRegex(said.stdout + said.stderr, r"port 22 (did not open|open)")
        self.assertIn("--wait: expected a whole number from 1 to 65535 or the name of a service like ssh",
                      self.refused("knock", "127.0.0.1", *options, "--wait", "nonsense"))


if __name__ == "__main__":
    unittest.main()
