"""The command line of `knock`, on loopback."""

import shutil
import socket
import stat
import unittest

from cli import SECRET, Case


class Knock(Case):
    def setUp(self):
        super().setUp()
        self.key = self.put("k", SECRET + "granularity = 3600\n")

    def test_second_knock_in_a_window_has_to_wait(self):
        first = self.done("knock", "127.0.0.1", "--key", self.key, "--time-server", "none")
        self.assertEqual(first, "knocked on 127.0.0.1 from 127.0.0.1: 32 SYNs in 2 rounds\n")
        again = ["knock", "127.0.0.1", "--key", self.key, "--time-server", "none", "--no-wait"]
        self.assertIn("the sequence of this window has been used", self.refused(*again, status=1))
        self.done("knock", "127.0.0.1", "ssh", *again[2:])  # another sequence
        self.done(*again, "--at", "1000")                   # no memory
        self.done(*again, "--source", "203.0.113.5")        # another address

    def test_state_is_the_users_own_and_not_needed(self):
        self.done("knock", "127.0.0.1", "--key", self.key, "--time-server", "none")
        database = self.folder / ".local/state/chronoknock/client.db"
        self.assertEqual(stat.S_IMODE(database.parent.stat().st_mode), 0o700)
        self.env["HOME"] = "/proc/none"
        result = self.run_program("knock", "127.0.0.1", "--key", self.key, "--time-server", "none")
        self.assertEqual(result.returncode, 0)
        self.assertIn("going on without", result.stderr)

    def test_wait_tries_first(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            text = self.done("knock", "127.0.0.1", "--key", self.key, "--time-server", "none", "--wait", port)
        self.assertEqual(text, f"port {port} is open: no knock was needed\n")

    def test_wait_tells_of_the_door(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            text = self.done("knock", "127.0.0.1", "--key", self.key, "--time-server", "none", "--wait", port,
                             "--at", 1000)  # in any case
        self.assertRegex(text, rf"\Aknocked on .*\nport {port} open [\d.]+ m?s after the last SYN\n\Z")

    def test_wait_gives_up(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
        result = self.run_program("knock", "127.0.0.1", "--key", self.key, "--time-server", "none",
                                  "--wait", port, "--wait-limit", "300ms")
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, rf"\Achronoknock: port {port} did not open within 300ms: port {port} answers as "
                                        r"a closed port does[^\n]+\n\Z")

    def test_rounds_and_profile(self):
        folder = self.folder / ".config/chronoknock"
        folder.mkdir(parents=True)
        shutil.copy(self.key, folder / "home.key")
        (folder / "client.ini").write_text("[profile.home]\nhost = ::1\nkey = home.key\nservice = ssh\n"
                                           "time_servers = none\nrounds = 3\n")
        self.assertEqual(self.done("knock", "home"), "knocked on ::1 from ::1: 48 SYNs in 3 rounds\n")
        self.assertEqual(self.done("knock", "home", "web", "--rounds", "1"),
                         "knocked on ::1 from ::1: 16 SYNs in 1 round\n")
        self.assertIn("no [profile.work]; with --key FILE the target is a host", self.refused("knock", "work"))
        (folder / "client.ini").write_text("[profile.home]\nhost = ::1\n")
        self.assertEqual(self.refused("knock", "home"),
                         f"{folder}/client.ini:1: [profile.home] key: expected, and missing")

    def test_unfit_options(self):
        for option, value, message in [
                ("rounds", "0", "--rounds: expected a whole number from 1 to 64"),
                ("gap", "x", "--gap: expected a duration"),
                ("source", "x", "--source: expected an IPv4 or IPv6 address"),
                ("wait", "65536", "--wait: expected a whole number from 1 to 65535"),
                ("wait-limit", "0", "--wait-limit: expected a duration"),
                ("stun", "a b", "--stun: expected HOST[:PORT]"),
                ("time-server", "a b", "--time-server: expected HOST[:PORT] or nts://HOST[:PORT]"),
                ("at", "-1", "--at: expected a whole number from 0")]:
            with self.subTest(option):
                self.assertTrue(self.refused("knock", "127.0.0.1", "--key", self.key, f"--{option}={value}")
                                .startswith(message))

    def test_families(self):
        self.assertIn("no address of the wanted family",
                      self.refused("knock", "127.0.0.1", "--key", self.key, "-6", status=1))
        self.assertIn("no address of the wanted family",
                      self.refused("knock", "::1", "--key", self.key, "--source", "192.0.2.1", status=1))

    def test_no_time_no_knock(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            message = self.refused("knock", "127.0.0.1", "--key", self.key, "--time-server",
                                   f"127.0.0.1:{deaf.getsockname()[1]}", status=1)
        self.assertIn("--time-server none", message)


if __name__ == "__main__":
    unittest.main()
