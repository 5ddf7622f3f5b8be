"""keygen for every method: its files, both or none, and what it refuses."""

import json
import pathlib
import resource
import signal
import stat
import time
import unittest

from cli import SOURCE, Case

VECTORS = SOURCE / "tests/unit/method/method_vectors.json"


def fields(path):
    return dict(line.split(" = ", 1) for line in pathlib.Path(path).read_text().splitlines())


class Otp(Case):
    def test_both_files(self):
        out = self.folder / "k"
        before = int(time.time())
        self.assertEqual(self.done("keygen", "--method", "otp", "--out", out), "")
        client, server = fields(out), fields(f"{out}.server")
        for path in (out, f"{out}.server"):
            self.assertEqual(stat.S_IMODE(pathlib.Path(path).stat().st_mode), 0o600)
        self.assertEqual(set(client), {"method", "function", "seed", "passphrase", "count"})
        self.assertEqual(set(server), {"method", "function", "seed", "verifier", "issued"})
        self.assertEqual((client["method"], client["function"], client["count"]), ("otp", "otp-sha1", "1000"))
        self.assertEqual(client["seed"], server["seed"])
        self.assertGreaterEqual(int(server["issued"]), before)
        self.assertRegex(server["verifier"], r"\A1000:[0-9a-f]{16}\Z")
        self.assertNotIn(client["passphrase"], pathlib.Path(f"{out}.server").read_text())

    def test_fields(self):
        out, server_out = self.folder / "k", self.folder / "s"
        self.done("keygen", "--method", "otp", "--out", out, "--server-out", server_out, "--count", 50, "--lookahead", 2,
                  "--carrier", "dns,udp", "--zone", "k.example", "--field", "seed=Ab12", "--field", "ports = 5000")
        client, server = fields(out), fields(server_out)
        self.assertEqual((client["count"], client["seed"], client["ports"]), ("50", "Ab12", "5000"))
        self.assertEqual((server["lookahead"], server["carrier"], server["zone"]), ("2", "dns,udp", "k.example"))
        self.assertNotIn("lookahead", client)

    def test_both_or_none(self):
        for mine, its in (("k", "k.server"), ("k2.server", "k2")):
            self.put(mine, "mine")
            self.assertIn("exists already", self.refused("keygen", "--method", "otp", "--out",
                                                        self.folder / mine.removesuffix(".server"), status=1))
            self.assertEqual((self.folder / mine).read_text(), "mine")
            self.assertFalse((self.folder / its).exists())

    def test_killed_while_it_writes(self):
        def cannot_write_so_much():
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

        for method in ("otp", "static", "time-sequence"):
            with self.subTest(method):
                # Python ignores SIGXFSZ; run_program restores the signals of a child.
                killed = self.run_program("keygen", "--method", method, "--out", self.folder / "k",
                                          preexec_fn=cannot_write_so_much)
                self.assertEqual(killed.returncode, -signal.SIGXFSZ)
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_refused(self):
        out = self.folder / "k"
        for options, message in [
                (["--method", "knockd"], "--method: expected one of time-sequence"),
                (["--method", "static", "--ports", "7000,8000"], "--ports: expected none"),
                (["--server-out", "s"], "--server-out: expected none"),
                (["--method", "otp", "--field", "verifier=1:0011223344556677"], "--verifier: expected none"),
                (["--method", "otp", "--bits", "512"], "--bits: unknown field"),
                (["--method", "otp", "--function", "sha1"], "--function: expected otp-sha1 or otp-md5"),
                (["--method", "otp", "--carrier", "dns"], "--zone: expected, and missing"),
                (["--method", "otp", "--count", "5", "--field", "count=6"], "--field: expected count once"),
                (["--field", "secret=" + "00" * 16], "--secret: expected none"),
                (["--field", "method=otp"], "--field: expected no method"),
                (["--field", "x"], "--field: expected NAME=VALUE")]:
            with self.subTest(options=options):
                self.assertTrue(self.refused("keygen", "--out", out, *options).startswith(message),
                                self.refused("keygen", "--out", out, *options))
                self.assertEqual(list(self.folder.iterdir()), [])


class Sequence(Case):
    def test_known_answers(self):
        for number, case in enumerate(json.loads(VECTORS.read_text())["otp"]):
            with self.subTest(number):
                key = self.put("k", f"method = otp\nfunction = otp-{case['function']}\nseed = {case['seed']}\n"
                                    f"passphrase = {case['passphrase']}\ncount = 1000\n")
                self.assertEqual(self.done("sequence", "--key", key, "--ip", "192.0.2.1", "--count", case["count"]),
                                 case["words"] + "\n")

    def test_the_first_by_default_and_only_of_passwords(self):
        key = self.put("k", "method = otp\nfunction = otp-md5\nseed = TeSt\npassphrase = This is a test.\ncount = 100\n")
        self.assertEqual(self.done("sequence", "--key", key, "--ip", "::1"), "BAIL TUFT BITS GANG CHEF THY\n")
        self.assertEqual(self.refused("sequence", "--key", key, "--ip", "::1", "--count", 1, "--at", 1),
                         "--count: expected none beside --at")
        other = self.put("o", "secret = 000102030405060708090a0b0c0d0e0f\n")
        self.assertTrue(self.refused("sequence", "--key", other, "--ip", "::1", "--count", 1)
                        .startswith("--count: expected none"))


if __name__ == "__main__":
    unittest.main()
