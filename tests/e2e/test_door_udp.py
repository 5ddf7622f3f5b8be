"""UDP through the guarded door, and what the host itself starts from a guarded port."""

import contextlib
import socket
import time
import unittest

from door import DoorTest, Echo, datagrams, dial, echoes, gets_in, reset
from lab import wait_for

UDP, ONCE, BOTH, TCP, TIMED = 8080, 8081, 8082, 8083, 8084
_TRACKED = "chain watch { type filter hook input priority 0; ct state new,established counter; }"


class Udp(DoorTest):
    SERVICES = {"stream": (BOTH, "open_for = 2")}
    ALSO = {"flow": f"ports = udp/{UDP}\nopen_for = 1", "once": f"ports = udp/{ONCE}\nopen_for = 3\nuses = 1",
            "datagram": f"ports = udp/{BOTH}\nopen_for = 2",
            "host": f"ports = tcp/{TCP}, udp/{TCP}, tcp/{TIMED}, udp/{TIMED}"}
    START = False
    TRACKED = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for port in (ONCE, TCP):
            cls.echo[port] = Echo(cls.server, port)
            cls.addClassCleanup(cls.echo[port].close)
        if cls.TRACKED:
            cls.server.run(["nft", "-f", "-"], stdin=f"table inet watch {{\n{_TRACKED}\n}}")
        cls.start_guard()

    def flow(self, source, service, port, source_port=0):
        """Knocks and sends from one socket until an answer comes."""
        s = datagrams(self.client, self.server.ip(6 if ":" in source else 4), port, source, source_port)
        self.addCleanup(s.close)
        return self.let_in(lambda: echoes(s, seconds=0.2) and s, source, service)

    def hears(self, source, port, source_port=0, host=None):
        """Whether a datagram is answered, from a source port that nothing else here has had."""
        self._used_ports = getattr(self, "_used_ports", 20000) + 1
        source_port = source_port or self._used_ports
        with datagrams(host or self.client, self.server.ip(6 if ":" in source else 4), port, source, source_port) as s:
            return echoes(s, seconds=0.25)

    def test_a_flow_outlasts_its_grant_and_no_other_does(self):
        for version in (4, 6):
            with self.subTest(version=version):
                source = self.fresh(version)
                s = self.flow(source, "flow", UDP)
                # Another port of the same address while a grant lasts.
                self.assertTrue(self.hears(source, UDP) or self.let_in(lambda a=source: self.hears(a, UDP), source, "flow"))
                # Twice: a busy machine may answer one too late.
                wait_for(lambda a=source: not (self.hears(a, UDP) or self.hears(a, UDP)), "the grant to end")
                for _ in range(3):
                    self.assertTrue(echoes(s), "the flow was cut off with its grant")
                    self.assertFalse(self.hears(source, UDP), "another port of the same address")
                self.server.run(["conntrack", "-F"])
                self.assertTrue(echoes(s), "the flow was cut off by conntrack -F")
                self.echo[UDP].udp.sendto(b"first", ("::ffff:" * (version == 4) + source, s.getsockname()[1]))
                wait_for(lambda s=s: s.recv(100) == b"first", "the server's word, after late answers if any")

    def test_a_flow_outlasts_tracking_that_forgets(self):
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.sysctl(f"net.netfilter.nf_conntrack_{name}", 1)
        flows = [self.flow(self.fresh(version), "flow", UDP) for version in (4, 6)]
        time.sleep(3.5)
        self.assertEqual([echoes(s) for s in flows], [True, True], "cut off after 3.5 s of silence")

    def test_one_use_is_one_flow(self):
        for version in (4, 6):
            with self.subTest(version=version):
                source = self.fresh(version)
                s = self.flow(source, "once", ONCE)
                for _ in range(3):
                    self.assertFalse(self.hears(source, ONCE), "a second flow")
                    self.assertTrue(echoes(s), "the one flow")
                time.sleep(3)
                self.assertTrue(echoes(s), "the one flow, after the grant's end")
                self.assertFalse(self.hears(source, ONCE), "a second flow, after the grant's end")

    def test_one_use_untracked(self):
        self.foreign("raw", f"""
            chain in {{ type filter hook prerouting priority raw; udp dport {ONCE} notrack; }}
            chain out {{ type filter hook output priority raw; udp sport {ONCE} notrack; }}""")
        self.test_one_use_is_one_flow()

    def test_a_number_shared_by_tcp_and_udp(self):
        """Each its own service: neither lets the other in, be it from the same source port."""
        for version in (4, 6):
            with self.subTest(version=version):
                target = self.server.ip(version)
                source = self.fresh(version)
                with self.flow(source, "datagram", BOTH, 7001) as s:
                    self.assertFalse(gets_in(self.client, target, BOTH, source, 7001))
                    self.assertTrue(echoes(s))
                source = self.fresh(version)
                with self.admit(source, "stream", source_port=7002) as s:
                    self.assertFalse(self.hears(source, BOTH, 7002))
                    self.assertTrue(echoes(s))

    def test_the_host_speaks_first_by_udp(self):
        """As a WireGuard peer that initiates: from a guarded port, to somebody who may not come in unasked."""
        for version in (4, 6):
            with self.subTest(version=version):
                peer, stranger = self.fresh(version, self.other), self.fresh(version, self.other)
                with self.other.socket({4: 2, 6: 10}[version], socket.SOCK_DGRAM) as s:
                    s.bind((peer, 51820))
                    s.settimeout(10)
                    s.sendto(b"unasked", (self.server.ip(version), TCP))
                    time.sleep(0.2)
                    self.assertNotIn((peer, 51820), self.echo[TCP].heard)
                    self.echo[TCP].udp.sendto(b"handshake", ("::ffff:" * (version == 4) + peer, 51820))
                    self.assertEqual(s.recv(100), b"handshake")
                    for _ in range(3):
                        s.sendto(b"answer", (self.server.ip(version), TCP))
                        self.assertEqual(s.recv(100), b"answer", "the answer did not come in")
                    self.assertFalse(self.hears(peer, TCP, 51821, self.other), "another port of that peer")
                    self.assertFalse(self.hears(stranger, TCP, 51820, self.other), "somebody else")

    def test_the_host_connects_from_a_guarded_port(self):
        with contextlib.closing(Echo(self.other, 9000)):
            for version in (4, 6):
                with self.subTest(version=version):
                    with dial(self.server, self.other.ip(version), 9000, "", TIMED, seconds=2) as s:
                        self.assertTrue(echoes(s))
                        # The peer's own SYN on the very ports is another thing than an answer.
                        self.assertFalse(gets_in(self.other, self.server.ip(version), TIMED, self.other.ip(version)))
                        self.assertTrue(echoes(s))
                        reset(s)
                    self.assertFalse(gets_in(self.other, self.server.ip(version), TIMED, self.other.ip(version), 9001))

    def test_a_host_that_connects_opens_no_way_back(self):
        """It has been where the peer's SYN from the same port must not come from."""
        for version in (4, 6):
            with self.subTest(version=version):
                peer, target = self.fresh(version, self.other), self.server.ip(version)
                self.assertFalse(gets_in(self.server, peer, 9555, self.server.ip(version), TCP, seconds=0.2))
                with self.server.socket({4: 2, 6: 10}[version], socket.SOCK_STREAM) as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    self.assertFalse(gets_in(self.other, target, TCP, peer, 9555))


class UdpTracked(Udp):
    """The same on a host that tracks its connections."""

    TRACKED = True


if __name__ == "__main__":
    unittest.main()
