"""`doctor`: link by link, from a name to an open door."""

import json
import unittest

from case import PORT, LabTest
from lab import start_chronyd
from natlab import Home, public_address, start_coturn

LINKS = ["name", "route", "address", "clock", "key", "window", "before", "knock", "after"]


class Doctor(LabTest):
    def setUp(self):
        super().setUp()
        start_chronyd(self.other)

    def doctor(self, key, *options, target=None, client=None, service="web", time_server=None):
        return (client or self.client).run(
            [self.lab.program, "doctor", target or self.server.ip4, service, "--key", key, "--time-server",
             time_server or self.other.ip4, *options], check=False)

    def read(self, *args, status=0, **more):
        """What `doctor --json` says: the state of each link, and the whole of it."""
        done = self.doctor(*args, "--json", **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        said = json.loads(done.stdout)
        return {c["check"]: c["state"] for c in said["checks"]}, said

    def test_all_is_well(self):
        key = self.key()
        self.small_guard(key)
        done = self.doctor(key, "--wait", PORT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = [line.split(None, 2) for line in done.stdout.splitlines()]
        self.assertEqual([name for name, *_ in lines], LINKS)
        self.assertEqual({state for _, state, _ in lines}, {"ok"}, done.stdout)
        said = {name: text for name, _, text in lines}
        self.assertEqual(said["route"], f"to {self.server.ip4} from {self.client.ip4}")
        self.assertRegex(said["clock"], r"time servers say [+-][\d.e-]+ ms to the system clock, give or take")
        self.assertRegex(said["key"], r"time-sequence key [0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}")
        self.assertRegex(said["knock"], r"\d+ packets sent, \d+ answered")
        self.assertRegex(said["after"], rf"port {PORT} open [\d.]+ m?s after the knock")
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 120)

    def test_the_first_thing_wrong_comes_with_what_to_do(self):
        key = self.key()
        self.small_guard(key)
        done = self.doctor(self.key("mallory"), "--wait", PORT, "--wait-limit", "3s")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stdout.splitlines()[-2].split()[:2], ["after", "wrong"])
        self.assertRegex(done.stdout.splitlines()[-1], r"^To do: compare the key's fingerprint")
        links, said = self.read(self.key("eve"), "--wait", PORT, "--wait-limit", "3s", status=3)
        self.assertEqual(links, {**dict.fromkeys(LINKS, "ok"), "after": "wrong"})
        self.assertEqual(said["cause"], "key")
        self.assertIn("fingerprint", said["advice"])

    def test_each_link_can_be_the_one(self):
        key = self.key()
        loose = self.key("loose")
        loose.chmod(0o644)
        for link, status, args, more in [
                ("name", 1, (key,), {"target": "no-such-host.invalid"}),
                ("key", 2, (loose,), {}),
                ("key", 2, (self.lab.folder / "missing.key",), {}),
                ("clock", 1, (key,), {"time_server": self.server.ip4})]:
            with self.subTest(link, **more):
                links, said = self.read(*args, status=status, **more)
                self.assertEqual([name for name, state in links.items() if state == "wrong"], [link])
                self.assertTrue(said["advice"])
                self.assertNotIn("knock", links)

    def test_without_a_port(self):
        links, said = self.read(self.key())
        self.assertEqual((links["before"], links["knock"], links["after"]), ("unknown", "ok", "unknown"))

    def test_an_open_door_is_left_alone(self):
        key = self.key()
        self.small_guard(key)
        self.client.knock(self.server, key, "web", "--wait", PORT)
        links, said = self.read(self.key("mallory"), "--wait", PORT)
        self.assertEqual(links["before"], "ok")
        self.assertEqual(links["after"], "unknown")
        self.assertNotIn("knock", links)
        self.assertIn("open already", json.dumps(said))

    def test_a_window_that_was_used_is_waited_for(self):
        key = self.key()
        self.small_guard(key)
        self.lab.next_window(2)
        self.client.knock(self.server, key, "web", time_server=self.other.ip4)
        self.client.wait_open(self.server.ip4, PORT)
        _, said = self.read(key)
        window = next(c["text"] for c in said["checks"] if c["check"] == "window")
        self.assertRegex(window, r"has been used; the next begins in|has not been used")

    def test_behind_nat(self):
        home = Home(self.lab)
        door, stun = public_address(self.server, "198.51.100.1"), public_address(self.other, "198.51.100.11")
        start_coturn(self.other, stun)
        key = self.key()
        self.small_guard(key)
        links, said = self.read(key, "--wait", PORT, "--wait-limit", "1s", client=home.laptop, target=door,
                                time_server=stun, status=1)
        self.assertEqual(links["address"], "wrong")
        self.assertIn("--stun", said["advice"])
        links, said = self.read(key, "--wait", PORT, "--stun", stun, client=home.laptop, target=door, time_server=stun)
        self.assertEqual(set(links.values()), {"ok"}, said)
        self.assertIn(f"{home.public}, as STUN says, in place of {home.private}", json.dumps(said))


if __name__ == "__main__":
    unittest.main()
