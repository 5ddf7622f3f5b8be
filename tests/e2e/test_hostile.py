"""Loss, noise, scans: the small form of what tests/bench measures."""

import pathlib
import random
import re
import threading
import unittest

from case import PORT, WINDOW, LabTest
from lab import syn


class Hostile(LabTest):
    def test_five_percent_loss(self):
        """40 addresses knock once each, by the rounds that the client takes for such a network."""
        key = self.key(granularity=10)
        self.guard(key, open_for=600, wait=False)
        self.first_window(10)
        self.client.add_addresses("10.78.0.0/24")
        self.lab.router_rules(f'iifname "client" tcp flags & (syn|ack) == syn tcp dport != {PORT} '
                              "numgen random mod 100 < 5 counter drop")
        sources = [f"10.78.0.{i}" for i in range(1, 41)]
        for i, source in enumerate(sources):
            self.client.knock(self.server, key, "web", "--source", source, "--rounds", 4,
                              env={"XDG_STATE_HOME": str(self.client.home / str(i))})
        missed = [s for s in sources if self.client.door(self.server.ip4, PORT, s, seconds=3) != "open"]
        lost = self.lab.router.run(["nft", "list", "table", "inet", "lab"]).stdout
        self.assertRegex(lost, r"packets [1-9]\d+ ")
        # Each is missed with a chance of 1e-4: 16 ports, each lost four times.
        self.assertLessEqual(len(missed), 1, missed)

    def noise(self, ports):
        """10,000 SYNs a second in the client's name, from elsewhere, until the returned function is called."""
        packets = [syn(self.client.ip4, self.server.ip4, port) for port in ports]
        sender = self.lab.sender(self.other)
        over = threading.Event()
        sent = [0]

        def go_on():
            while not over.is_set():
                for at in range(0, len(packets), 100):
                    sent[0] += sender.send(packets[at:at + 100], rate=10_000)
                    if over.is_set():
                        break

        thread = threading.Thread(target=go_on)
        thread.start()

        def stop():
            over.set()
            thread.join()
            return sent[0]
        self.wait_for(lambda: sent[0] > 1000, "the noise to begin")
        return stop

    def five_knocks_open(self, guard, key):
        """Each knock opens, or renews what the last one has opened."""
        before = guard.log().count("key alice opens web")
        for n in range(1, 6):
            self.client.knock(self.server, key, "web")
            guard.wait_log("key alice opens web", count=before + n)
            self.assert_opens(self.client)

    def test_random_noise_in_the_knockers_name(self):
        key = self.key()
        guard = self.guard(key)
        stop = self.noise([random.randrange(10000, 60001) for _ in range(5000)])
        try:
            self.five_knocks_open(guard, key)
        finally:
            self.assertGreater(stop(), 10_000)

    def test_noise_into_the_ports_of_earlier_knocks(self):
        key = self.key()
        guard = self.guard(key)
        heard = []
        for _ in range(3):
            heard += [p.port for p in self.capture_knock(key)]
        guard.wait_log("key alice opens web", count=3)
        stop = self.noise(heard * 20)
        try:
            self.five_knocks_open(guard, key)
        finally:
            self.assertGreater(stop(), 10_000)

    def test_a_scan_of_all_ports_opens_nothing(self):
        """nmap, shuffled and in order. By the security budget one SYN of a scan completes a sequence with a chance of
        at most 2^-109: 65,536 SYNs with 2^-93."""
        key = self.key(ports="1024-65535")
        guard = self.guard(key, sections={"firewall": "unauthorized = reset"})
        for order in ([], ["-r"]):
            self.client.run(["nmap", "-sS", "-Pn", "-n", "-p-", "--min-rate", "20000", "--max-retries", "0", *order,
                             self.server.ip4], timeout=120)
            self.assert_shut(self.client, meets="refused")
        self.assertNotIn("alice", "\n".join(line for line in guard.log().splitlines() if self.client.ip4 in line))
        # And it stays a door for who has the key, from the scanning address too.
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)

    def test_a_flood_of_strangers(self):
        """More addresses than the server remembers, while a client knocks: it takes no memory for them."""
        key = self.key()
        guard = self.guard(key, sections={"knock": "tracked = 1024\nmemory = 64"})
        sender = self.lab.sender(self.other)
        flood = [syn(f"10.{random.randrange(80, 250)}.{random.randrange(256)}.{random.randrange(1, 255)}",
                     self.server.ip4, random.randrange(10000, 60001)) for _ in range(20000)]
        over = threading.Event()
        sent = 0

        def resident():
            return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{guard.process.pid}/status").read_text())[1])

        def go_on():
            nonlocal sent
            while not over.is_set():
                for at in range(0, len(flood), 500):
                    sent += sender.send(flood[at:at + 500])
                    if over.is_set():
                        break
        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            self.wait_for(lambda: sent > len(flood), "more of them than it remembers")
            before = resident()
            self.five_knocks_open(guard, key)
            self.assertGreater(sent, 3 * len(flood))
            self.assertLess(resident() - before, 1024)
        finally:
            over.set()
            thread.join()


if __name__ == "__main__":
    unittest.main()
