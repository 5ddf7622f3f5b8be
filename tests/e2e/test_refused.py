"""Knocks that are none."""

import time
import unittest

from case import PORT, WINDOW, LabTest
from lab import syn


class Refused(LabTest):
    def sequence(self, key, host, at=None):
        said = host.run([self.lab.program, "sequence", "--key", key, "--ip", host.ip4, "--service", "web",
                         "--at", int(at or time.time())])
        return [int(word) for word in said.stdout.split()]

    def send(self, host, ports, source=None):
        self.lab.sender(host).send([syn(source or host.ip4, self.server.ip4, p) for p in ports])

    def test_wrong_key(self):
        key, wrong = self.key(), self.key("mallory")
        self.guard(key)
        self.client.knock(self.server, wrong, "web")
        self.all_seen(key)
        self.assert_shut(self.client)

    def test_a_key_that_may_not_open_this_service(self):
        key, bobs = self.key(), self.key("bob")
        self.guard(key, services={"web": f"ports = tcp/{PORT}", "admin": "ports = tcp/8081"},
                   keys={"alice": (key, "web"), "bob": (bobs, "admin")})
        self.client.knock(self.server, bobs, "web")
        self.all_seen(key)
        self.assert_shut(self.client)

    def test_right_ports_wrong_address(self):
        key = self.key()
        self.guard(key)
        self.send(self.other, self.sequence(key, self.client))
        self.all_seen(key, self.lab.host("third"))
        self.assert_shut(self.other)
        self.assert_shut(self.client)

    def test_all_ports_but_one(self):
        key = self.key()
        self.guard(key)
        for missing in (0, 7, 15):
            ports = self.sequence(key, self.client)
            self.send(self.client, ports[:missing] + ports[missing + 1:])
            self.lab.next_window(WINDOW)
        self.all_seen(key)
        self.assert_shut(self.client)

    def test_strict_takes_the_right_order_alone(self):
        key = self.key(granularity=10)
        self.guard(key, sections={"knock": "mode = strict"}, wait=False)
        at = self.first_window(10)
        right = self.sequence(key, self.client, at)
        self.send(self.client, right[::-1])
        self.send(self.client, right[:8] + [PORT + 5000] + right[8:])  # 13080 is in the pool
        self.all_seen(key)
        self.assert_shut(self.client)
        self.send(self.client, right)
        self.assert_opens(self.client)

    def test_set_takes_any_order_with_strangers_between(self):
        key = self.key()
        self.guard(key)
        right = self.sequence(key, self.client)
        noise = [syn(self.client.ip4, self.server.ip4, 20000 + i) for i in range(100)]
        sender = self.lab.sender(self.client)
        for port in right[::-1]:
            sender.send(noise[:6] + [syn(self.client.ip4, self.server.ip4, port)])
        self.assert_opens(self.client)

    def test_answers_and_other_packets_are_no_knock(self):
        """The right ports in SYN-ACKs, ACKs and RSTs."""
        key = self.key()
        self.guard(key)
        right = self.sequence(key, self.client)
        for flags in (0x12, 0x10, 0x04, 0x01, 0x00):
            self.lab.sender(self.client).send(
                [syn(self.client.ip4, self.server.ip4, p, flags=flags) for p in right])
        self.all_seen(key)
        self.assert_shut(self.client)


if __name__ == "__main__":
    unittest.main()
