"""Interfaces come and go; the server stays."""

import json
import socket
import struct
import unittest

from case import PORT, LabTest
from lab import start_http, syn


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

    def test_a_knock_in_tagged_frames(self):
        """SYNs in 802.1Q frames, as they are on a trunk; the interface of the VLAN itself need not exist."""
        for interface in ("any", "eth0"):
            with self.subTest(interface=interface):
                key = self.key(f"key-{interface}")
                guard = self.guard(key, sections={"capture": f"interface = {interface}"})
                said = self.client.run([self.lab.program, "sequence", "--key", key, "--ip", self.client.ip4,
                                        "--service", "web"])
                self.send_tagged(syn(self.client.ip4, self.server.ip4, int(port)) for port in said.stdout.split())
                self.assert_opens(self.client)
                guard.stop()
                self.server.run(["nft", "flush", "ruleset"])

    def send_tagged(self, packets):
        def mac(host, interface):
            return bytes.fromhex(json.loads(host.run(["ip", "-j", "link", "show", interface]).stdout)[0]["address"]
                                 .replace(":", ""))
        head = mac(self.server, "eth0") + mac(self.lab.router, "server") + struct.pack("!HHH", 0x8100, 5, 0x0800)
        with self.lab.router.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("server", 0))
            for packet in packets:
                wire.send(head + packet)


if __name__ == "__main__":
    unittest.main()
