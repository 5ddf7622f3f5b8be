"""The message and exit status of every malformed file.

What a message says of a field is tested in full by tests/unit/config and tests/unit/key; here each field is wrong once,
and the program must say so in one line and do nothing else.
"""

import os
import unittest

from cli import SECRET, Case


class KeyFiles(Case):
    """Each malformed key file is refused the same by both ends."""

    def check_refused(self, key, message):
        config = self.put("c", f"[service.s]\nports = tcp/1\n[key.a]\nfile = {key}\nservices = s\n")
        for args in (["sequence", "--key", key, "--ip", "::1"],
                     ["knock", "127.0.0.1", "--key", key, "--time-server", "none"]):
            self.assertEqual(self.refused(*args), message)
        for command in ("check", "server"):
            self.assertEqual(self.refused(command, "--config", config), f"{config}:4: [key.a] file: {message}")

    def test_every_field(self):
        for text, message in [
                (SECRET + "function = md6\n", "2: function: expected hmac-DIGEST or DIGEST, with a fixed-length "
                                              "digest that OpenSSL has (sha256), not 'md6'"),
                (SECRET + "ignore = port\n", "2: ignore: expected ip, time or both, not 'port'"),
                (SECRET + "granularity = 86401\n",
                 "2: granularity: expected a whole number from 1 to 86400, not '86401'"),
                (SECRET + "length = 1\n", "2: length: expected a whole number from 2 to 64, not '1'"),
                (SECRET + "function = md5\nlength = 9\n",
                 "3: length: expected a whole number from 2 to 8, not '9'"),
                (SECRET + "ports =\n", "2: ports: expected at least one port or range of ports"),
                (SECRET + "realm = " + "r" * 256 + "\n", "2: realm: expected a label of at most 255 bytes"),
                ("secret = 00\n", "1: secret: expected at least 128 bits and at most 524288, not 8"),
                ("secret = xx\n", "1: secret: expected an even number of hexadecimal digits"),
                (SECRET + SECRET, "2: field secret stands twice"),
                (SECRET + "[key]\n", "2: expected no section in a key file"),
                (SECRET + "noise\n", "2: expected name = value"),
                ("length = 4\n", " secret: expected, and missing")]:
            with self.subTest(text):
                key = self.put("k", text)
                self.check_refused(key, f"{key}:{message}")

    def test_unknown_field_and_missing_file(self):
        key = self.put("k", SECRET + "colour = red\n")
        self.assertTrue(self.refused("sequence", "--key", key, "--ip", "::1")
                        .startswith(f"{key}:2: colour: unknown field; expected method, function"))
        self.check_refused(self.folder / "none", f"{self.folder}/none: cannot open: No such file or directory")

    def test_what_is_no_regular_file_is_not_waited_for(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo, 0o600)
        for key in (fifo, "/dev/zero"):
            self.check_refused(key, f"{key}: expected a regular file")
        for command in ("check", "server"):
            self.assertEqual(self.refused(command, "--config", fifo), f"{fifo}: expected a regular file")

    def test_loose_permissions(self):
        key = self.put("k", SECRET, 0o640)
        self.check_refused(key, f"{key}: mode 0640 lets others than the owner read or write the key; expected "
                                "chmod 600, or --allow-loose-permissions")
        config = self.put("c", f"[service.s]\nports = tcp/1\n[key.a]\nfile = {key}\nservices = s\n")
        allow = "--allow-loose-permissions"
        self.assertEqual(self.run_program("check", "--config", config, allow).returncode, 0)
        self.done("sequence", "--key", key, "--ip", "::1", allow)

    def test_no_message_tells_a_secret(self):
        for text in (SECRET.strip() + "xx\n", SECRET.replace(" =", ""), SECRET[9:]):
            result = self.run_program("sequence", "--key", self.put("k", text), "--ip", "::1")
            self.assertEqual(result.returncode, 2)
            self.assertNotIn("00010203", result.stderr)


class Configuration(Case):
    MINIMAL = "[service.ssh]\nports = tcp/22\n[key.alice]\nfile = a.key\nservices = ssh\n"

    def setUp(self):
        super().setUp()
        self.put("a.key", SECRET)
        self.put("b.key", SECRET.replace("00", "ff"))
        self.put("weak.key", SECRET.replace("00", "ee") + "length = 4\n")
        self.put("timeless.key", SECRET.replace("00", "dd") + "ignore = time\n")

    def test_what_it_means(self):
        config = self.put("c", self.MINIMAL)
        result = self.run_program("check", "--config", config)
        self.assertEqual(result.returncode, 0)
        for part in ("service ssh", "tcp/22", "opened by   alice", "key alice", f"{self.folder}/a.key",
                     "16 of 64512 ports by hmac-sha256", "budget", "the system clock, trusted"):
            self.assertIn(part, result.stdout)
        self.assertRegex(result.stdout, r"budget +1[01]\d\.\d bits")
        self.assertNotIn("00010203", result.stdout)

    def test_doubts(self):
        self.put("fast.key", SECRET.replace("00", "cc") + "granularity = 1\nignore = ip\n")
        config = self.put("c", self.MINIMAL + "[key.f]\nfile = fast.key\nservices = ssh\n"
                          "[key.w]\nfile = weak.key\nservices = ssh\nallow_weak = true\n"
                          "[service.web]\nports = tcp/80\n[firewall]\nalways_allow = ::/0\n")
        result = self.run_program("check", "--config", config)
        self.assertEqual(result.returncode, 0, result.stderr)
        for doubt in ("[key.f] granularity: 1s is not comfortably above", "[key.f] ignore = ip",
                      "[key.w] allow_weak: its budget is below 60 bits", "[service.web] is opened by no key",
                      "[firewall] always_allow: ::/0 lets everybody in"):
            self.assertIn("chronoknock: warning: " + doubt, result.stderr)

    def test_a_pool_with_most_votes_is_doubted(self):
        def doubts(servers, more=""):
            config = self.put("c", self.MINIMAL + f"[time]\nservers = {servers}\n{more}")
            return self.run_program("check", "--config", config).stderr
        names = [f"{c}.example" for c in "abcde"]
        for servers, votes in ((["pool:p.example"], "4 of 4"), (["pool:p.example", *names[:4]], "4 of 8"),
                               (["pool:p.example", "pool:q.example"], "4 of 8")):
            self.assertIn(f"warning: [time] servers: pool:p.example has {votes} votes", doubts(", ".join(servers)))
        for servers, more in ((["pool:p.example", *names], ""), (names[:3], ""),
                              (["pool:p.example", "nts://a.example"], "require_nts = true\n")):
            self.assertNotIn("votes", doubts(", ".join(servers), more))

    def test_every_malformed_field(self):
        extra = "[service.web]\nports = tcp/80\n"
        bob = "[key.bob]\nfile = b.key\nservices = ssh\n"
        for text, message in [
                ("[server]\nstate =", "7: [server] state: expected a path"),
                ("[server]\ncontrol =", "7: [server] control: expected a path"),
                ("[capture]\ninterface =", "7: [capture] interface: expected at least one interface"),
                ("[time]\nservers = a b", "7: [time] servers: expected HOST[:PORT] or nts://HOST[:PORT]"),
                ("[time]\ninterval = 0", "7: [time] interval: expected a duration from 1s"),
                ("[time]\nrequire = 1", "7: [time] require: expected true or false"),
                ("[time]\nmax_error = 0", "7: [time] max_error: expected a duration from 1ms"),
                ("[time]\nmax_step = 0", "7: [time] max_step: expected a duration from 1ms"),
                ("[time]\nrequire_nts = true", "7: [time] require_nts: expected a server nts://HOST"),
                ("[time]\nnts_ca =", "7: [time] nts_ca: expected a path"),
                ("[knock]\nmode = x", "7: [knock] mode: expected set or strict"),
                ("[knock]\nmemory = 1", "7: [knock] memory: expected a whole number from 2"),
                ("[knock]\ntimeout = 0", "7: [knock] timeout: expected a duration from 100ms"),
                ("[knock]\ntracked = 0", "7: [knock] tracked: expected a whole number from 1"),
                ("[firewall]\nbackend = x", "7: [firewall] backend: expected "),
                ("[firewall]\nunauthorized = x", "7: [firewall] unauthorized: expected drop or reset"),
                ("[firewall]\nalways_allow = x", "7: [firewall] always_allow: expected an IPv4 or IPv6 address"),
                ("[firewall]\non_stop = x", "7: [firewall] on_stop: expected keep or remove"),
                (extra.replace("tcp/80", "80"), "7: [service.web] ports: expected tcp/PORT"),
                (extra.replace("80", "22"), "7: [service.web] ports: expected ports of no other service"),
                (extra + "open_for = 0", "8: [service.web] open_for: expected a duration from 100ms"),
                (extra + "uses = x", "8: [service.web] uses: expected a whole number from 0"),
                (bob.replace("b.key", ""), "7: [key.bob] file: expected a path"),
                (bob.replace("b.key", "a.key"), "7: [key.bob] file: expected a key of its own"),
                (bob.replace("b.key", "timeless.key"), "7: [key.bob] file: expected a key whose knocks change with the time"),
                (bob.replace("b.key", "weak.key"), " [key.bob] file: a security budget of "),
                (bob.replace("= ssh", "= x"), "8: [key.bob] services: expected names of services"),
                (bob + "knock_delay = x", "9: [key.bob] knock_delay: expected a duration from 0s"),
                (bob + "allow_weak = x", "9: [key.bob] allow_weak: expected true or false"),
                ("[key.bob]\nfile = b.key", "6: [key.bob] services: expected, and missing"),
                ("[key.bob]\nservices = ssh", "6: [key.bob] file: expected, and missing"),
                ("[time]\nserver = a", "7: [time] server: unknown field"),
                ("[tim]", "6: [tim] unknown section"),
                ("[time]\n[time]", "7: section [time] stands twice"),
                ("[time]\ninterval = 64\ninterval = 64", "8: [time] interval: stands twice")]:
            with self.subTest(text):
                config = self.put("c", self.MINIMAL + text + "\n")
                for command in ("check", "server"):
                    message_given = self.refused(command, "--config", config)
                    self.assertTrue(message_given.startswith(f"{config}:{message}"), message_given)

    def test_a_user_who_is_not_there(self):
        config = self.put("c", "[server]\nuser = nosuch\n" + self.MINIMAL)
        for command in (("check",), ("check", "--online"), ("server",)):
            self.assertEqual(self.refused(*command, "--config", config),
                             f"{config}: [server] user: there is no user 'nosuch'")

    def test_a_record_among_files_of_the_configuration(self):
        """The server's user makes files in its folder: none of those that root goes by is there."""
        (self.folder / "chronoknock/d").mkdir(parents=True)
        (self.folder / "conf.d").mkdir()
        apart = self.put("c", "[server]\nstate = chronoknock/state.db\nuser = 65534\ninclude = conf.d/*.ini\n"
                         + self.MINIMAL)
        apart_text = apart.read_text()
        self.assertIn("chronoknock/state.db", self.run_program("check", "--config", apart).stdout)
        for where, text, there in (
                ("c", apart_text.replace("chronoknock/state.db", "state.db"), f"{self.folder}/c"),
                ("chronoknock/c", "[server]\nstate = state.db\nuser = 65534\n" + self.MINIMAL.replace("a.key", "../a.key"),
                 f"{self.folder}/chronoknock/c"),
                ("c", apart_text.replace("conf.d/", "chronoknock/"), f"{self.folder}/chronoknock/*.ini"),
                ("c", apart_text.replace("a.key", "chronoknock/a.key"), f"{self.folder}/chronoknock/a.key"),
                ("c", apart_text.replace("chronoknock/state.db", "chronoknock/d/../../conf.d/s"),
                 f"{self.folder}/conf.d/*.ini")):
            with self.subTest(there):
                self.put("chronoknock/a.key", SECRET)
                config = self.put(where, text)
                for command in ("check", "server"):
                    refused = self.refused(command, "--config", config)
                    self.assertTrue(refused.startswith(f"{config}: [server] state: expected a folder of its own"), refused)
                    self.assertTrue(refused.endswith(f"there is {there} as well"), refused)
        # By names alone, from their own folder.
        self.put("c", apart_text.replace("chronoknock/state.db", "state.db"))
        here = self.run_program("check", "--config", "c", cwd=self.folder)
        self.assertEqual((here.returncode, here.stderr), (
            2, "chronoknock: c: [server] state: expected a folder of its own, since the user nobody makes files in it; "
            "in . there is c as well\n"))
        self.put("c", apart_text.replace("chronoknock/state.db", "state.db").replace("65534", "0"))
        self.assertEqual(self.run_program("check", "--config", self.folder / "c").returncode, 0)  # it stays root

    def test_missing_file(self):
        self.assertEqual(self.refused("check", "--config", "/none/c.ini"),
                         "/none/c.ini: cannot open: No such file or directory")


if __name__ == "__main__":
    unittest.main()
