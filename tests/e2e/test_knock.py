"""A knock opens the door: to whom, to what, and for how long."""

import socket
import time
import unittest

from case import PORT, LabTest
from lab import start_http, start_sshd, syn, wait_for
from services import Session


class Knock(LabTest):
    def test_opens_to_the_knocker_and_to_the_service_alone(self):
        for version in (4, 6):
            with self.subTest(ip=version):
                key = self.key(f"key{version}")
                target = self.server.ip(version)
                if version == 4:
                    start_http(self.server, 8081)
                guard = self.guard(key, services={"web": f"ports = tcp/{PORT}", "admin": "ports = tcp/8081"},
                                   keys={"alice": (key, "web, admin")})
                for host in (self.client, self.other):
                    self.assert_shut(host, target)
                    self.assert_shut(host, target, 8081)
                self.client.knock(target, key, "web")
                self.assert_opens(self.client, target)
                self.assert_shut(self.client, target, 8081)
                self.assert_shut(self.other, target)
                guard.stop()
                self.server.run(["nft", "flush", "ruleset"])

    def test_without_a_service_opens_all_that_the_key_may_open(self):
        key = self.key()
        start_http(self.server, 8081)
        start_http(self.server, 8082)
        self.guard(key, services={"web": f"ports = tcp/{PORT}", "admin": "ports = tcp/8081",
                                  "not-hers": "ports = tcp/8082"},
                   keys={"alice": (key, "web, admin"), "bob": (self.key("bob"), "not-hers")})
        self.client.knock(self.server, key)
        self.assert_opens(self.client)
        self.assert_opens(self.client, port=8081)
        self.assert_shut(self.client, port=8082)

    def test_shuts_again_while_a_live_ssh_session_goes_on(self):
        key = self.key()
        sshd = start_sshd(self.server)
        self.guard(key, services={"ssh": "ports = tcp/22\nopen_for = 6"}, keys={"alice": (key, "ssh")})
        for target in (self.server.ip4, self.server.ip6):
            with self.subTest(target=target):
                self.assert_shut(self.client, target, 22)
                self.client.knock(target, key, "ssh")
                self.assert_opens(self.client, target, 22)
                session = Session(self.client, sshd, target)
                self.assertTrue(session.echoes())
                self.client.wait_shut(target, 22)
                self.assertTrue(session.echoes())
                self.assert_shut(self.client, target, 22)

    def test_wait_tells_how_long_the_door_took(self):
        key = self.key()
        self.guard(key)
        said = self.client.knock(self.server, key, "web", "--wait", PORT)
        self.assertIn("ms", said.stdout + said.stderr)

    def test_wait_for_a_port_of_the_pool_disturbs_no_strict_sequence(self):
        key = self.key(ports="1024-65535", granularity=10)
        self.guard(key, sections={"knock": "mode = strict"}, wait=False)
        self.first_window(10)
        said = self.client.knock(self.server, key, "web", "--gap", 5, "--wait", PORT, "--wait-limit", "3s")
        self.assertIn(f"port {PORT} open", said.stdout)

    def test_a_second_knock_renews(self):
        key = self.key()
        self.guard(key, open_for=10)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        given = time.time()
        self.lab.until(given + 5)
        self.client.knock(self.server, key, "web")  # it waits for the next window, if need be
        self.lab.until(given + 10.5)
        self.assert_open(self.client)
        self.client.wait_shut(self.server.ip4, PORT)

    def test_single_use(self):
        key = self.key()
        self.guard(key, more="uses = 1")
        self.client.knock(self.server, key, "web")
        guard = self.guards[0]
        guard.wait_log("web")
        self.assert_opens(self.client)
        self.assert_shut(self.client)

    def test_single_use_is_for_one_of_the_hosts_addresses(self):
        second = {4: "10.77.1.9", 6: "fd77:1::9"}
        self.server.run(["ip", "addr", "add", second[4] + "/24", "dev", "eth0"])
        self.server.run(["ip", "addr", "add", second[6] + "/64", "dev", "eth0", "nodad"])
        key = self.key()
        guard = self.guard(key, more="uses = 1")
        sniffer, sender = self.lab.sniffer(self.client), self.lab.sender(self.client)
        # The client's kernel knows nothing of these SYNs: it must not reset what answers them.
        self.client.run(["nft", "-f", "-"], stdin="table inet quiet { chain output { type filter hook output priority 0;\n"
                                                  "tcp sport 4321 tcp flags & rst != 0 drop\n}\n}")
        for count, version in enumerate((4, 6), 1):
            with self.subTest(version=version):
                source, targets = self.client.ip(version), (self.server.ip(version), second[version])
                for target in targets:  # neighbours know each other now
                    self.assert_shut(self.client, target)
                self.client.knock(targets[0], key, "web")
                guard.wait_log("key alice opens web", count=count)
                sniffer.packets()
                sender.send([syn(source, target, PORT, source_port=4321) for target in targets * 2])
                answers = set()
                wait_for(lambda: answers.update(p.source for p in sniffer.packets() if p.flags & 0x12 == 0x12)
                         or answers, "an answer")
                self.client.wait_shut(targets[0], PORT)  # whatever was to come has come
                answers.update(p.source for p in sniffer.packets() if p.flags & 0x12 == 0x12)
                self.assertEqual(len(answers), 1, answers)

    def test_udp(self):
        key = self.key()
        self.guard(key, services={"vpn": "ports = udp/5000-5001"}, keys={"alice": (key, "vpn")})
        inside = self.server.socket(socket.AF_INET, socket.SOCK_DGRAM)
        outside = self.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with inside, outside:
            inside.bind(("0.0.0.0", 5001))
            inside.settimeout(0.5)

            def arrives(word):
                outside.sendto(word, (self.server.ip4, 5001))
                try:
                    return inside.recv(100) == word
                except TimeoutError:
                    return False

            self.assertFalse(arrives(b"before the knock"))
            self.client.knock(self.server, key, "vpn")
            self.wait_for(lambda: arrives(b"after it"), "a datagram to come through", 5)


if __name__ == "__main__":
    unittest.main()
