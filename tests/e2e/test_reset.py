"""`unauthorized = reset`: a guarded port answers as a closed one does, packet by packet."""

import ctypes
import fcntl
import functools
import operator
import os
import re
import socket
import struct
import sys
import unittest

from case import PORT, LabTest
from probes import SYN, Path, Prober, probes

CLOSED = 8081
_SIOCETHTOOL, _ETHTOOL_STXCSUM = 0x8946, 0x17
WIRE = {4: Path("10.78.0.9", "10.78.0.1"), 6: Path("fd78::9", "fd78::1")}
# Addresses that mean everybody on the wire, all of which the host hears.
EVERYONE = {4: ("255.255.255.255", "10.78.0.255", "224.0.0.1"), 6: ("ff02::1",)}


# What still differs, as patterns of the probes' names.
_DIFFERENT = [
    # The kernel stops at the end of the options; nft finds the signature behind it and keeps silent.
    "SYN, option md5 after the end",
    # A datagram that says it is shorter than its packet: the kernel cuts it and answers, the guard keeps silent.
    "UDP, length (8|10)(, no checksum)?", "UDP, length one short of much", "UDP in fragments, length 900"]
# Options that the host would answer with, or add to; nft can make no such answer.
_DIFFERENT4 = ["(SYN|UDP), IP option (record route|timestamp|of bad length)"]
# Headers that the kernel complains of after the input hook, where the guard has already answered.
_DIFFERENT6 = ["(SYN|UDP), (destination, unknown option|routing header of type 0)"]


class Wired(LabTest):
    """A second wire, straight from the client to the server, for a prober."""

    def setUp(self):
        super().setUp()
        macs = {"client": b"\x02\0\0\0\0\x09", "server": b"\x02\0\0\0\0\x01"}
        text = {name: ":".join(f"{b:02x}" for b in mac) for name, mac in macs.items()}
        self.server.run(["ip", "link", "add", "wire", "address", text["server"], "type", "veth", "peer", "name", "wire",
                         "address", text["client"], "netns", self.client.path])
        self.client.sysctl("net.ipv6.conf.wire.disable_ipv6", 1)
        self.client.run(["ip", "link", "set", "wire", "arp", "off", "up"])
        self.server.run(["ip", "-batch", "-"], stdin=f"""
            link set wire up
            addr add 10.78.0.1/24 broadcast 10.78.0.255 dev wire
            addr add fd78::1/64 dev wire nodad
            neigh add 10.78.0.9 lladdr {text['client']} dev wire nud permanent
            neigh add fd78::9 lladdr {text['client']} dev wire nud permanent""")
        self.finish_checksums()
        # Answers that the kernel rations would be missing now and then, at any port.
        self.server.sysctl("net.ipv4.icmp_ratelimit", 0)
        self.server.sysctl("net.ipv4.icmp_msgs_per_sec", 1000000)
        self.server.sysctl("net.ipv4.icmp_msgs_burst", 1000000)
        self.server.sysctl("net.ipv6.icmp.ratelimit", 0)
        # One processor: what one wire brings is then handled in order.
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)})
        self.addCleanup(os.sched_setaffinity, 0, before)
        self.prober = Prober(self.client, "wire", macs["client"], macs["server"], WIRE)
        self.addCleanup(self.prober.close)

    def finish_checksums(self):
        """The server computes its checksums itself, since there is no interface to do it."""
        value = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_STXCSUM, 0))
        with self.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            fcntl.ioctl(s, _SIOCETHTOOL, struct.pack("16sP16x", b"wire", ctypes.addressof(value)))

    def differences(self, version, guarded=PORT):
        """(how many probes, {name: (what the guarded port answers, what a closed one)} of those that differ)."""
        different, count = {}, 0
        for name, form in probes(WIRE[version], EVERYONE[version]):
            count += 1
            Path.port += 1
            answers = {port: self.prober.answers(version, form, port) for port in (guarded, CLOSED)}
            if answers[guarded] != answers[CLOSED]:
                different[name] = (answers[guarded], answers[CLOSED])
        return count, different


class Probes(Wired):
    def setUp(self):
        super().setUp()
        self.guard(self.key(), wait=False, sections={"firewall": "unauthorized = reset"},
                   services={"web": f"ports = tcp/{PORT}, udp/{PORT}"})

    def check(self, version, allowed):
        """Every probe is answered alike but those that one of the reasons allows."""
        count, different = self.differences(version)
        self.assertGreater(count, 250)
        print(f"IPv{version}: {len(different)} of {count} probes differ: {', '.join(different)}", file=sys.stderr)
        for name, (guarded, closed) in different.items():
            with self.subTest(probe=name):
                self.assertTrue(any(re.fullmatch(pattern, name) for pattern in allowed),
                                f"\nguarded: {guarded}\nclosed:  {closed}")

    def track(self):
        """Conntrack at work, as on most hosts: it puts fragments together before anybody else sees them."""
        self.server.run(["nft", "-f", "-"], stdin="""
            table inet own { chain input { type filter hook input priority filter; ct state established accept; }
            }""")

    def test_the_operator_can_list_the_rules(self):
        """nft 1.0.6 dies of some rules that it has loaded itself."""
        for options in ([], ["-j"]):
            self.assertIn("refuse_udp", self.server.run(["nft", *options, "list", "ruleset"]).stdout)

    def test_ipv4(self):
        self.check(4, _DIFFERENT + _DIFFERENT4)

    def test_ipv6(self):
        self.check(6, _DIFFERENT + _DIFFERENT6 + [r".* in fragments.*"])

    def test_ipv4_with_conntrack(self):
        self.track()
        self.check(4, _DIFFERENT + _DIFFERENT4)

    def test_ipv6_with_conntrack(self):
        self.track()
        self.check(6, _DIFFERENT + _DIFFERENT6 + [r".* in fragments at (8|16|24).*", "UDP, atomic fragment"])

    def test_flow_labels(self):
        """An answer's label is the same each time, another for another port, and any of 20 bits."""
        path = WIRE[6]
        labels = {}
        for again in range(2):
            for source_port in range(30000, 30064):
                Path.port = source_port
                answer, = self.prober.ask(6, [(path.ip(6, path.tcp(PORT, SYN)), "host")])
                label = struct.unpack("!I", answer[:4])[0] & 0xFFFFF
                self.assertEqual(labels.setdefault(source_port, label), label, f"asked {again + 1} times")
        self.assertGreater(len(set(labels.values())), 60)
        self.assertEqual(functools.reduce(operator.or_, labels.values()), 0xFFFFF)
        self.assertEqual(functools.reduce(operator.and_, labels.values()), 0)


class Nmap(LabTest):
    """What stock nmap says of a guarded port is what it says of a port beside it: with `reset` one that is closed,
    with `drop` one that the host's own firewall drops."""

    FILTERED = 8082
    SCANS = ("-sS", "-sT", "-sF", "-sN", "-sX", "-sA", "-sW", "-sM", "-sU")

    def setUp(self):
        super().setUp()
        self.server.sysctl("net.ipv4.icmp_ratelimit", 0)
        self.server.sysctl("net.ipv6.icmp.ratelimit", 0)
        self.server.run(["nft", "-f", "-"], stdin=f"""
            table inet own {{ chain input {{ type filter hook input priority filter;
                meta l4proto {{ tcp, udp }} th dport {self.FILTERED} drop
            }}
            }}""")

    def scan(self, version, *options):
        out = self.client.run(["nmap", "-n", "-Pn", "--reason", *(["-6"] if version == 6 else []), *options,
                               self.server.ip(version)], timeout=120).stdout
        return out, {int(port): rest for port, rest in re.findall(r"^(\d+)/(?:tcp|udp) +(\S+ +\S+ +.+)$", out, re.M)}

    def compare(self, policy, beside):
        self.guard(self.key(), wait=False, sections={"firewall": f"unauthorized = {policy}"},
                   services={"web": f"ports = tcp/{PORT}, udp/{PORT}"})
        # Names of services differ with the port.
        told = lambda text: (text.split()[0], text.split()[2:])  # noqa: E731
        for version in (4, 6):
            for scan in self.SCANS:
                with self.subTest(version=version, scan=scan):
                    out, ports = self.scan(version, scan, "-p", f"{PORT},{beside}")
                    self.assertEqual(set(ports), {PORT, beside}, out)
                    self.assertEqual(told(ports[PORT]), told(ports[beside]), out)

    def test_reset(self):
        self.compare("reset", CLOSED)

    def test_drop(self):
        self.compare("drop", self.FILTERED)

    def test_reset_fingerprint(self):
        """nmap's probes of a closed port for the operating system. (Over IPv6 it prints whole packets instead.)"""
        self.guard(self.key(), wait=False, sections={"firewall": "unauthorized = reset"})
        seen = {}
        for port in (PORT, CLOSED):
            out, _ = self.scan(4, "-O", "--max-os-tries", "1", "-d", "-p", str(port))
            seen[port] = sorted(set(re.findall(r"T[5-7]\([^)]*\)", out.replace("\nOS:", ""))))
        self.assertEqual(seen[PORT], seen[CLOSED])
        self.assertEqual(len(seen[PORT]), 3, out)


if __name__ == "__main__":
    unittest.main()
