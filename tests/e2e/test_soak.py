"""Knocks, floods, replays, flapping interfaces, reloads and kills, one after the other as chance has it; and what must
be true afterwards. SOAK_SECONDS says how long (20), SOAK_SEED which chance."""

import os
import random
import time
import unittest

from case import PORT, LabTest
from lab import syn

_SECONDS = float(os.environ.get("SOAK_SECONDS", "20"))
_SEED = int(os.environ.get("SOAK_SEED", 1))
_OPEN_FOR = 6
_WINDOW = 4  # with the last one time enough for a client that the machine stalls
# Tables as small as here go to the heap once the first were freed (glibc moves its threshold), where two generations of
# them leave holes of megabytes. With the threshold held, what is resident is what is in use.
_ENV = {"MALLOC_MMAP_THRESHOLD_": "1048576"}


class Soak(LabTest):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(_SEED)
        self.stranger = self.lab.host("stranger")
        self.alice, self.bob = (self.key(name, granularity=_WINDOW) for name in ("alice", "bob"))
        self.keys = {"alice": (self.alice, "web"), "bob": (self.bob, "web")}
        self.services = {"web": f"ports = tcp/{PORT}\nopen_for = {_OPEN_FOR}"}
        self.door = self.guard(None, keys=self.keys, services=self.services,
                               sections={"knock": "tracked = 4096"}, start=False, wait=False)
        self.door.start(_ENV)
        self.first_window(_WINDOW)
        self.ear = self.lab.sniffer(self.server)
        self.heard = []
        self.raw = self.lab.sender(self.stranger)
        # More addresses than the server remembers.
        self.strangers = [syn(f"10.{self.chance.randrange(80, 250)}.{self.chance.randrange(256)}."
                              f"{self.chance.randrange(1, 255)}", self.server.ip4,
                              self.chance.randrange(10000, 60001)) for _ in range(10_000)]
        self.knocks = 0

    # What may happen.

    def knock(self):
        """Each knock over a whole wire is granted, whatever happened before."""
        host, key = self.chance.choice([(self.client, self.alice), (self.other, self.bob)])
        version = self.chance.choice((4, 6))
        granted = f" to {host.ip(version)},"
        before = self.door.log().count(granted)
        host.knock(self.server.ip(version), key, "web")
        self.door.wait_log(granted, count=before + 1)
        self.assert_opens(host, self.server.ip(version))
        self.knocks += 1
        self.heard = (self.heard + [p for p in self.ear.syns() if p.port != PORT])[-1000:]

    def flood(self, count=10_000):
        for _ in range(count // len(self.strangers)):
            self.raw.send(self.strangers)
        self.ear.packets()

    def replay(self):
        self.raw.send(self.heard)

    def flap(self):
        for state in ("down", "up"):
            self.lab.router.run(["ip", "link", "set", "server", state])
        self.lab.wait_wire(self.server)

    def replug(self):
        self.lab.router.run(["ip", "link", "del", "server"])
        self.lab.wire(self.server)
        self.ear = self.lab.sniffer(self.server)

    def reload(self):
        self.door.write({**self.services, f"extra{self.chance.randrange(100)}": "ports = tcp/9000-9100"}, self.keys,
                        {"knock": "tracked = 4096"})
        logged = self.door.log().count("read again")
        self.door.reload()
        self.door.wait_log("read again", count=logged + 1)

    def reload_broken(self):
        good = self.door.config.read_text()
        self.door.config.write_text(good + "[nonsense]\n")
        logged = len(self.door.log())
        self.door.reload()
        self.wait_for(lambda: "nonsense" in self.door.log()[logged:], "the log to refuse a broken configuration")
        self.door.config.write_text(good)

    def kill(self):
        self.door.sigkill()
        self.door.start(_ENV)

    def restart(self):
        self.assertEqual(self.door.stop(), 0)
        self.door.start(_ENV)

    # What must be true.

    def resources(self):
        """Resident memory in KiB and open descriptors of the server."""
        proc = f"/proc/{self.door.process.pid}"
        with open(f"{proc}/status", encoding="ascii") as f:
            resident = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
        return resident, len(os.listdir(f"{proc}/fd"))

    def run_for(self, seconds, actions):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            action = self.chance.choice(actions)
            self.story.append(action.__name__)
            action()
            self.assertNotEqual(self.stranger.door(self.server.ip4, PORT, seconds=0.1), "open", self.story)
            self.assertTrue(self.door.process.alive(), self.story)

    def test_soak(self):
        print(f"SOAK_SEED={_SEED} SOAK_SECONDS={_SECONDS:g}", flush=True)
        self.story = []
        calm = [self.knock, self.knock, self.flood, self.replay, self.flap, self.reload, self.reload_broken]
        self.run_for(_SECONDS / 2, [*calm, self.replug, self.kill, self.restart])
        # Memory and descriptors are those of one process: from here on it lives.
        for _ in range(2):
            self.reload()
            self.flood(20_000)
        self.knock()
        resident, descriptors = self.resources()
        self.run_for(_SECONDS / 2, [*calm, self.replug])
        self.assertGreater(self.knocks, 0)

        for host in (self.client, self.other):
            host.wait_shut(self.server.ip4, PORT, seconds=_OPEN_FOR + 10)
            host.wait_shut(self.server.ip6, PORT, seconds=_OPEN_FOR + 10)
        for version in (4, 6):
            elements = self.server.run(["nft", "list", "set", "inet", "chronoknock",
                                        self.door.grant_set("web", version)]).stdout
            self.assertNotIn("expires", elements)
        grown = self.resources()
        self.assertLess(grown[0] - resident, 1024, f"memory grew: {self.story}")
        self.assertLessEqual(grown[1], descriptors, f"descriptors leaked: {self.story}")
        # And it still does its work.
        self.lab.next_window(_WINDOW)
        self.client.knock(self.server, self.alice, "web")
        self.assert_opens(self.client)
        print(f"{len(self.story)} events, {self.knocks} knocks, all granted, "
              f"resident {resident} -> {grown[0]} KiB, descriptors {descriptors} -> {grown[1]}")


if __name__ == "__main__":
    unittest.main()
