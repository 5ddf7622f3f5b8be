"""The client's program: built without the server's parts, it knocks like the whole one."""

import os
import pathlib
import re
import subprocess
import unittest

import cli
from lab import Lab, start_http

CLIENT = os.environ.get("CHRONOKNOCK_CLIENT", str(pathlib.Path(cli.PROGRAM).parent / "chronoknock_client"))
_OF_CLIENTS = {"keygen", "knock", "connect", "doctor", "time", "profile", "sequence", "completions"}


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def commands(program):
    return set(re.findall(r"(?m)^  (\w+) ", run(program, "--help").stdout))


class Client(unittest.TestCase):
    def test_its_commands(self):
        whole = commands(cli.PROGRAM)
        self.assertEqual(commands(CLIENT), _OF_CLIENTS)
        self.assertLess(_OF_CLIENTS, whole)
        for command in _OF_CLIENTS:
            self.assertEqual(run(CLIENT, command, "--help").stdout, run(cli.PROGRAM, command, "--help").stdout)
        for command in whole - _OF_CLIENTS:
            done = run(CLIENT, command, "--config", "x")
            self.assertEqual(done.returncode, 2)
            self.assertIn("this program is the client alone", done.stderr, command)
        self.assertIn("did you mean knock?", run(CLIENT, "knok").stderr)
        self.assertEqual(run(CLIENT, "--version").stdout, run(cli.PROGRAM, "--version").stdout)

    def test_what_is_not_in_it(self):
        told = subprocess.run(["readelf", "--wide", "--symbols", "--dynamic", CLIENT], capture_output=True, text=True,
                              check=True).stdout
        words = set(told.split())
        for name in ("pcap_", "seccomp_", "capng_", "QRcode_", "_ZN3re2", "libqrencode", "libpcap", "libre2"):
            self.assertEqual([w for w in words if w.strip("[]").startswith(name)], [])
        # The memory of used windows; so the names are there to be seen.
        self.assertTrue(any(w.startswith("sqlite3_open") for w in words))

    def test_it_completes_no_command_of_the_server(self):
        for shell in ("bash", "zsh", "fish"):
            script = run(CLIENT, "completions", shell).stdout
            self.assertIn("connect", script)
            self.assertNotIn("uninvite", script)


@unittest.skipUnless(os.geteuid() == 0, "needs network namespaces")
class Knock(unittest.TestCase):
    def test_it_opens_a_door(self):
        with Lab() as lab:
            server, client = lab.host("server"), lab.host("client")
            start_http(server, 8080)
            key = lab.folder / "key"
            client.run([CLIENT, "keygen", "--out", key, "--granularity", "2"])
            lab.chronoknock(server, services={"web": "ports = tcp/8080"}, keys={"alice": (key, "web")})
            self.assertEqual(client.door(server.ip4, 8080), "silent")
            client.run([CLIENT, "knock", server.ip4, "web", "--key", key, "--time-server", "none", "--wait", "8080"])
            self.assertEqual(client.door(server.ip4, 8080), "open")


if __name__ == "__main__":
    unittest.main()
