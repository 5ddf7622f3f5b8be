"""`unauthorized = reset`: a guarded port answers as a closed one does, packet by packet."""

import ctypes
import fcntl
import os
import socket
import struct
import sys
import unittest

from case import PORT, LabTest
from probes import Path, Prober, probes

CLOSED = 8081
_SIOCETHTOOL, _ETHTOOL_STXCSUM = 0x8946, 0x17
WIRE = {4: Path("10.78.0.9", "10.78.0.1"), 6: Path("fd78::9", "fd78::1")}
# Addresses that mean everybody on the wire, all of which the host hears.
EVERYONE = {4: ("255.255.255.255", "10.78.0.255", "224.0.0.1"), 6: ("ff02::1",)}


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
    def test_every_probe(self):
        self.guard(self.key(), wait=False, sections={"firewall": "unauthorized = reset"},
                   services={"web": f"ports = tcp/{PORT}, udp/{PORT}"})
        for version in (4, 6):
            count, different = self.differences(version)
            print(f"IPv{version}: {len(different)} of {count} probes differ", file=sys.stderr)
            for name, (guarded, closed) in different.items():
                print(f"  {name}\n    guarded: {guarded}\n    closed:  {closed}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
