"""Containers behind the guarded host, what it merely forwards, and what the guard leaves alone."""

import contextlib
import socket
import time
import unittest

from door import CONTROL, PORT, DoorTest, Echo, datagrams, dial, echoes, gets_in, reset, vanish
from lab import Host, wait_for

INSIDE = 80
_BOX = {4: "172.30.0.2", 6: "fd30::2"}        # the container behind the host's NAT
_ROUTED = {4: "10.67.0.2", 6: "fd67::2"}      # its own address, routed to it by the host
_FLOATING = {4: "10.66.0.5", 6: "fd66::5"}    # routed to the host, which has no such address, and sent on by DNAT
_HOST = {4: "10.77.1.2", 6: "fd77:1::2"}
_NAT = "\n".join([
    "table inet nat {", "chain pre { type nat hook prerouting priority dstnat;",
    *(f"{ip} daddr {{ {_HOST[v]}, {_FLOATING[v]} }} {protocol} dport {PORT} dnat {ip} to {to}:{INSIDE}"
      for v, ip, to in ((4, "ip", _BOX[4]), (6, "ip6", f"[{_BOX[6]}]")) for protocol in ("tcp", "udp")),
    "}", "chain post { type nat hook postrouting priority srcnat;",
    'oifname "eth0" ip saddr 172.30.0.0/24 masquerade', 'oifname "eth0" ip6 saddr fd30::/64 masquerade', "}", "}"])


class Container(DoorTest):
    """A namespace behind the host, as Docker makes them: published by DNAT, masqueraded on its way out."""

    SERVICES = {"web": (PORT, "open_for = 1"), "once": (8081, "open_for = 1\nuses = 1")}
    ALSO = {"datagrams": "ports = udp/8081"}
    NAT = True

    @classmethod
    def setUpClass(cls):
        start, cls.START = cls.START, False
        super().setUpClass()
        cls.START = start
        cls.box = Host(cls.lab, "box", 99)
        cls.lab.hosts.append(cls.box)
        cls.server.sysctl("net.ipv4.ip_forward", 1)
        cls.server.sysctl("net.ipv6.conf.all.forwarding", 1)
        cls.server.run(["ip", "link", "add", "docker0", "type", "veth", "peer", "name", "eth0", "netns", cls.box.path])
        cls.box.run(["ip", "-batch", "-"], stdin="link set eth0 up\n" + "".join(
            f"addr add {a} dev eth0 {'nodad' * (':' in a)}\n" for a in ("172.30.0.2/24", "fd30::2/64", "10.67.0.2/32", "fd67::2/128"))
            + "route add default via 172.30.0.1\nroute add ::/0 via fd30::1\n")
        cls.server.run(["ip", "-batch", "-"], stdin="""link set docker0 up
            addr add 172.30.0.1/24 dev docker0\naddr add fd30::1/64 dev docker0 nodad
            route add 10.67.0.2/32 via 172.30.0.2\nroute add fd67::2/128 via fd30::2\n""")
        for net in ("10.67.0.0/24", "10.66.0.0/24", "fd67::/64", "fd66::/64"):
            cls.lab.router.run(["ip", "route", "add", net, "via", cls.server.ip(6 if ":" in net else 4)])
        if cls.NAT:
            cls.server.run(["nft", "-f", "-"], stdin=_NAT)
        cls.inside = {port: Echo(cls.box, port) for port in (INSIDE, PORT)}
        cls.outside = Echo(cls.other, 9000)
        for echo in (*cls.inside.values(), cls.outside):
            cls.addClassCleanup(echo.close)
        for version in (4, 6):
            wait_for(lambda v=version: gets_in(cls.client, _ROUTED[v], INSIDE), "the container to be reached")
        cls.before()
        if cls.START:
            cls.start_guard()

    @classmethod
    def before(cls):
        """What there is before the guard's first start."""

    def guarded_way(self, target, port=PORT, inside=INSIDE):
        """A stranger is out, a knocker in, and stays in after his grant, which lets no other connection in then."""
        version = 6 if ":" in target else 4
        stranger, source = self.fresh(version, self.other), self.fresh(version)
        echo = self.inside[inside]
        came = len(echo.came)
        self.assertFalse(gets_in(self.other, target, port, stranger), "a stranger was let in")
        self.assertEqual(len(echo.came), came)
        with self.admit(source, target=target) as s:
            self.assertTrue(echoes(s))
            self.shut_to(source, port, target)
            self.server.run(["conntrack", "-L"], check=False)
            self.assertTrue(echoes(s), "cut off with its grant")
            echo.say(source, s.getsockname()[1], b"speaking first")
            self.assertEqual(s.recv(100), b"speaking first")
            self.assertFalse(gets_in(self.other, target, port, stranger), "a stranger was let in later")


class Published(Container):
    def test_by_an_address_of_the_host(self):
        for version in (4, 6):
            with self.subTest(version=version):
                self.guarded_way(_HOST[version])

    def test_by_an_address_that_is_only_routed_to_the_host(self):
        for version in (4, 6):
            with self.subTest(version=version):
                self.guarded_way(_FLOATING[version])

    def test_a_ruleset_flushed_and_made_again(self):
        """An administrator's reload: DNAT and guard go and come together."""
        live = []
        for version in (4, 6):
            source = self.fresh(version)
            live.append(self.admit(source, target=_HOST[version]))
            self.addCleanup(live[-1].close)
            self.assertTrue(echoes(live[-1]))
            self.shut_to(source, PORT, _HOST[version])
        time.sleep(1)
        self.nft("flush ruleset\n" + _NAT)
        self.guarded()
        self.assertEqual([echoes(s) for s in live], [True, True])
        for version in (4, 6):
            for target in (_HOST, _FLOATING):
                self.assertFalse(gets_in(self.other, target[version], PORT, self.fresh(version, self.other)))

    def test_what_the_container_starts(self):
        """Masqueraded, by TCP and UDP, from any port and from one whose number is guarded."""
        for version in (4, 6):
            for source_port in (0, 41000, 8081):
                with self.subTest(version=version, source_port=source_port):
                    with dial(self.box, self.other.ip(version), 9000, _BOX[version], source_port, seconds=2) as s:
                        self.assertTrue(echoes(s))
                        vanish(s)
                    with datagrams(self.box, self.other.ip(version), 9000, _BOX[version], source_port) as s:
                        self.assertTrue(echoes(s), "UDP")

    def test_the_containers_own_address_is_not_guarded_unless_named(self):
        for version in (4, 6):
            self.assertTrue(gets_in(self.other, _ROUTED[version], PORT, self.fresh(version, self.other), seconds=2))


class Named(Container):
    """The container's own address, guarded by name."""

    SECTIONS = {"capture": "also_for = 10.67.0.0/24, fd67::/64"}
    NAT = False

    def test_its_own_address(self):
        for version in (4, 6):
            with self.subTest(version=version):
                self.guarded_way(_ROUTED[version], inside=PORT)
                self.assertTrue(gets_in(self.other, _ROUTED[version], INSIDE, seconds=2), "a port that is not guarded")

    def test_what_it_starts(self):
        for version in (4, 6):
            for source_port in (0, 8081):
                with self.subTest(version=version, source_port=source_port):
                    with dial(self.box, self.other.ip(version), 9000, _ROUTED[version], source_port, seconds=2) as s:
                        self.assertTrue(echoes(s))
                        vanish(s)

    def test_it_reaches_guarded_numbers_elsewhere(self):
        with contextlib.closing(Echo(self.other, PORT)):
            for version in (4, 6):
                with dial(self.box, self.other.ip(version), PORT, _ROUTED[version], seconds=2) as s:
                    self.assertTrue(echoes(s))


class LeftAlone(Container):
    NAT = False
    OTHERS = """
table ip filter {
\tset friends {
\t\ttype ipv4_addr
\t\tflags dynamic,timeout
\t\telements = { 192.0.2.1 }
\t}

\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\ttcp dport 9999 counter packets 7 bytes 77 drop
\t}
}
table inet chronoknock2 {
\tchain guard {
\t\tmeta mark set 0x00000001 accept
\t}
}
table arp filter {
\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t}
}
"""

    def test_ports_that_are_not_guarded(self):
        for version in (4, 6):
            source = self.fresh(version, self.other)
            self.assertTrue(gets_in(self.other, self.server.ip(version), CONTROL, source, seconds=2))
            with datagrams(self.other, self.server.ip(version), CONTROL, source) as s:
                self.assertTrue(echoes(s))
            with self.assertRaises(ConnectionRefusedError):
                dial(self.other, self.server.ip(version), 8099, source)

    def test_what_is_forwarded_between_others(self):
        for version in (4, 6):
            for port in (INSIDE, PORT):
                with dial(self.other, _ROUTED[version], port, self.fresh(version, self.other), PORT) as s:
                    self.assertTrue(echoes(s))
                    reset(s)

    def test_nothing_is_tracked_on_a_host_that_tracks_nothing(self):
        for version in (4, 6):
            source = self.fresh(version)
            with self.admit(source) as s, dial(self.other, _ROUTED[version], PORT), \
                    dial(self.client, self.server.ip(version), CONTROL):
                self.assertTrue(echoes(s))
                gets_in(self.other, self.server.ip(version), PORT)
                self.assertEqual(self.server.run(["conntrack", "-C"]).stdout.strip(), "0")

    def test_other_tables_stay_as_they_are(self):
        before = self.others()
        self.server.run(["nft", "-f", "-"], stdin=self.OTHERS)
        mine = self.others()
        self.admit(self.fresh(4)).close()
        self.guard.reload()
        self.guard.wait_log("configuration read again")
        self.server.run(["nft", "delete", "table", "inet", "chronoknock"])
        self.guarded()
        self.assertEqual(self.others(), mine)
        self.guard.stop()
        self.guard.start()
        self.assertEqual(self.others(), mine)
        for table in ("ip filter", "inet chronoknock2", "arp filter"):
            self.server.run(["nft", "delete", "table", *table.split()])
        self.assertEqual(self.others(), before)

    def others(self):
        """The ruleset as it is, counters and all, without our table."""
        tables = self.server.run(["nft", "list", "tables"]).stdout.splitlines()
        return "".join(self.server.run(["nft", "list", *t.split()]).stdout for t in tables if not t.endswith(" chronoknock"))


class Adopted(Container):
    """Who is in when the guard comes, or when the rules change, is not thrown out."""

    SECTIONS = {"firewall": "always_allow = 10.90.9.9, fd88:2::9999"}

    @classmethod
    def before(cls):
        cls.live = {}
        for version in (4, 6):
            for target in (_HOST, _FLOATING, _ROUTED):
                cls.live["container", target[version]] = dial(cls.other, target[version], PORT, cls.fresh(version, cls.other))
            cls.live["host", version] = dial(cls.other, cls.server.ip(version), 8081, cls.fresh(version, cls.other))
        for s in cls.live.values():
            assert echoes(s)

    def test_from_before_the_first_start(self):
        self.server.run(["conntrack", "-L"], check=False)
        for what, s in self.live.items():
            with self.subTest(what=what):
                self.assertTrue(echoes(s), "was cut off by the first start")
        for version in (4, 6):
            self.assertFalse(gets_in(self.other, _HOST[version], PORT))

    def test_of_an_address_that_is_taken_off_the_list(self):
        always = {4: "10.90.9.9", 6: "fd88:2::9999"}
        live = []
        for version in (4, 6):
            for target, port in ((_HOST[version], PORT), (self.server.ip(version), 8081)):
                live.append(dial(self.client, target, port, always[version], seconds=2))
                self.addCleanup(live[-1].close)
        self.assertEqual([echoes(s) for s in live], [True] * 4)
        text = self.guard.config.read_text()
        self.guard.config.write_text(text.replace("always_allow", "# always_allow"))
        said = self.guard.log().count("configuration read again")
        self.guard.reload()
        self.guard.wait_log("configuration read again", count=said + 1)
        self.assertFalse(gets_in(self.client, self.server.ip4, 8081, always[4]), "still on the list")
        self.assertEqual([echoes(s) for s in live], [True] * 4)


if __name__ == "__main__":
    unittest.main()
