"""Interfaces come and go; the server stays."""

import unittest

from case import PORT, LabTest
from lab import start_http


class Interfaces(LabTest):
    def knocks_until_open(self, key):
        def tried():
            self.client.knock(self.server, key, "web")
            return self.client.door(self.server.ip4, PORT) == "open"
        self.wait_for(tried, "a knock to open the door", 20)

    def unplug(self):
        self.lab.router.run(["ip", "link", "del", "server"])

    def test_deleted_and_made_again(self):
        for interface in ("any", "eth0"):
            with self.subTest(interface=interface):
                key = self.key(f"key-{interface}")
                guard = self.guard(key, open_for=3, sections={"capture": f"interface = {interface}"})
                self.client.knock(self.server, key, "web")
                self.assert_opens(self.client)
                self.unplug()
                if interface != "any":
                    guard.wait_log("eth0", count=2)  # the start-up line, and one on its loss
                self.lab.wire(self.server)
                self.client.wait_shut(self.server.ip4, PORT)
                self.knocks_until_open(key)
                self.assertTrue(guard.process.alive())
                guard.stop()
                self.server.run(["nft", "flush", "ruleset"])

    def test_down_and_up_again(self):
        for interface in ("any", "eth0"):
            with self.subTest(interface=interface):
                key = self.key(f"key-{interface}")
                guard = self.guard(key, sections={"capture": f"interface = {interface}"})
                self.unplug_gently()
                self.knocks_until_open(key)
                guard.stop()
                self.server.run(["nft", "flush", "ruleset"])

    def unplug_gently(self):
        self.server.run(["ip", "link", "set", "eth0", "down"])
        self.server.run(["ip", "link", "set", "eth0", "up"])
        self.server.run(["ip", "-batch", "-"], stdin=f"""
            addr replace {self.server.ip6}/64 dev eth0 nodad
            route replace default via 10.77.{self.server.number}.1
            route replace ::/0 via fd77:{self.server.number}::1""")

    def test_one_that_appears_later(self):
        self.web = start_http(self.server, PORT)
        self.unplug()
        key = self.key()
        guard = self.guard(key, sections={"capture": "interface = lo, eth0"})
        self.assertTrue(guard.process.alive())
        self.lab.wire(self.server)
        self.assert_shut(self.client)
        self.knocks_until_open(key)

    def test_a_knock_over_a_vlan(self):
        self.lab.router.run(["ip", "-batch", "-"], stdin="""
            link add link server name server.5 type vlan id 5
            addr add 10.79.5.1/24 dev server.5
            link set server.5 up""")
        self.server.run(["ip", "-batch", "-"], stdin="""
            link add link eth0 name eth0.5 type vlan id 5
            addr add 10.79.5.2/24 dev eth0.5
            link set eth0.5 up""")
        for interface in ("any", "eth0", "eth0.5"):
            with self.subTest(interface=interface):
                key = self.key(f"key-{interface.replace('.', '-')}")
                guard = self.guard(key, sections={"capture": f"interface = {interface}"})
                self.client.knock("10.79.5.2", key, "web")
                self.assert_opens(self.client, "10.79.5.2")
                guard.stop()
                self.server.run(["nft", "flush", "ruleset"])


if __name__ == "__main__":
    unittest.main()
