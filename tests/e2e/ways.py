"""Every way of knocking, for tests that hold all of them to the same: its keys, its server, its knocks, and what an
eavesdropper has of one.

    class Replay(WaysTest):
        ...

    each_way(Replay, ["pad", "otp-dns"], lambda test: test.way...)
"""

import base64
import ipaddress
import random
import secrets
import socket
import struct

from case import POOL, PORT, LabTest
from datagrams import Datagram
from lab import wait_for
from log_case import GROUP, log_syns, start_ulogd
from packets import Captured, checksum
from services import faketime_env

OLDER_RECORD = 300  # seconds: whatever is made from now on is younger than a record that began so long ago
ZONE = "knock.example.org"
_SPA_APART = 120


class Way:
    """One method by one carrier or source. case: the test that it serves; granularity: of keys that have one."""

    method = carrier = ""
    versions = (4, 6)
    one_time = False   # its tokens are numbered, and good in their order only
    bound = True       # good from the knocker's address alone
    timed = True       # good at its time only
    shared = True      # many may knock with one key at a time
    ports = 1          # that all must be hit
    fields = ()        # of the key's section in the server's configuration
    service = "web"

    def __init__(self, case, granularity=30):
        self.case, self.lab, self.granularity = case, case.lab, granularity
        self.keys = []  # (client's file, server's file)

    def make_key(self, name):
        """A fresh key; returns the client's file and the server's."""
        fields = {"method": self.method, "granularity": self.granularity, **self.more()}
        return (self.lab.key(name, **fields),) * 2

    def more(self):
        """More fields of its key files."""
        return {"ports": POOL}

    def sections(self):
        """Of the server's configuration."""
        return {}

    def start(self, keys=1, **options):
        """A server that takes `keys` keys of this way and everything that is made from now on."""
        self.keys = [self.make_key(f"key{n}") for n in range(keys)]
        guard = self.case.small_guard(
            None, wait=False, start=False, sections=self.sections(),
            keys={f"key{n}": (server, "web", *self.fields) for n, (_, server) in enumerate(self.keys)}, **options)
        guard.start(env=faketime_env(f"-{OLDER_RECORD}s"))
        guard.stop()
        return guard.start()

    def argv(self, source, *options, key=None):
        """The client's command line for a knock from an address, with one of the server's keys (the first)."""
        target = self.case.server.ip(ipaddress.ip_address(source).version)
        carrier = ["--carrier", self.carrier] if self.carrier else []
        return self.case.client.knock_argv(target, key or self.keys[0][0], self.service, "--source", source, *carrier,
                                           *options)

    def knock(self, source, *options, key=None):
        self.case.client.run(self.argv(source, *options, key=key))

    def untimely(self, now):
        """Moments for which a knock is too old, or not yet good."""
        return now - now % self.granularity - 2 * self.granularity, now - now % self.granularity + 2 * self.granularity

    def judged(self, guard):
        """How much of what may be part of a knock the server has judged."""
        return guard.status()["packets"]["seen"]


class TimeSequence(Way):
    method, ports = "time-sequence", 16


class Log(TimeSequence):
    """The same out of a firewall's log, which ulogd writes."""

    def sections(self):
        log = self.case.server.home / "firewall.log"
        start_ulogd(self.case.server, log)
        return {"capture": f"log = {log}"}

    def judged(self, guard):
        return guard.status()["log"]["lines_matched"]


class LogGroup(TimeSequence):
    """Out of a log group of netfilter."""

    def sections(self):
        log_syns(self.case.server, f"log group {GROUP}")
        return {"capture": f"interface = nflog:{GROUP}"}


class Static(Way):
    bound, timed, ports, service, fields = False, False, 3, "", ("allow_weak = true",)
    _sequences = 1

    def make_key(self, name):
        path = self.lab.folder / f"{name}.key"
        hit = [random.sample(range(10000, 60000), 3) for _ in range(self._sequences)]
        path.write_text("method = static\nsequence = " + "; ".join(f"{a},udp/{b},{c}" for a, b, c in hit) + "\n",
                        encoding="ascii")
        path.chmod(0o600)
        return path, path


class Pad(Static):
    one_time, _sequences = True, 80


class Sealed(Way):
    method = "sealed"

    def more(self):
        return {"carrier": self.carrier, "base": 10000, "zone": ZONE, "ports": "20000-20009"}

    def untimely(self, now):
        return now - 2 * self.granularity - 6, now + 20


class SealedPorts(Sealed):
    carrier, ports = "ports", 46


class SealedUdp(Sealed):
    carrier = "udp"


class SealedIcmp(Sealed):
    carrier = "icmp"


class SealedDns(Sealed):
    carrier = "dns"


class Fwknop(Way):
    versions, service = (4,), f"tcp/{PORT}"  # its packets have no room for IPv6

    def make_key(self, name):
        path = self.lab.folder / f"{name}.key"
        cipher, mac = (base64.b64encode(secrets.token_bytes(n)).decode() for n in (32, 64))
        path.write_text(f"method = fwknop\nkey_base64 = {cipher}\nhmac_key_base64 = {mac}\n", encoding="ascii")
        path.chmod(0o600)
        return path, path

    def untimely(self, now):
        return now - _SPA_APART - 6, now + _SPA_APART + 6


class OtpUdp(Way):
    carrier, one_time, bound, timed, service = "udp", True, False, False, ""

    def make_key(self, name):
        client, server = self.lab.folder / f"{name}.key", self.lab.folder / f"{name}.server.key"
        self.case.client.run([self.lab.program, "keygen", "--method", "otp", "--out", client, "--server-out", server,
                              "--carrier", self.carrier, "--zone", ZONE])
        return client, server


class OtpDns(OtpUdp):
    carrier = "dns"


class Challenge(Way):
    method, shared = "challenge", False
    ports = 2 * 16 + 1  # request, response and the answer between


WAYS = {"time-sequence": TimeSequence, "log": Log, "log-group": LogGroup, "static": Static, "pad": Pad, "sealed-ports": SealedPorts,
        "sealed-udp": SealedUdp, "sealed-icmp": SealedIcmp, "sealed-dns": SealedDns, "fwknop": Fwknop,
        "otp-udp": OtpUdp, "otp-dns": OtpDns, "challenge": Challenge}


def whole(packet):
    """A captured packet with its checksum made good, to be sent again."""
    protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
    if protocol == socket.IPPROTO_TCP:
        return Captured(packet)
    return Datagram(packet).again() if protocol == socket.IPPROTO_UDP else packet


def from_elsewhere(packet, source):
    """A captured packet as somebody else sends it."""
    data = packet.packet if isinstance(packet, Captured) else packet
    own = ipaddress.ip_address(source).packed
    moved = data[:12] + own + data[16:] if len(own) == 4 else data[:8] + own + data[24:]
    if moved[6 if len(own) == 16 else 9] == socket.IPPROTO_ICMPV6:
        return _with_icmp6_checksum(moved)
    return whole(moved)


def _with_icmp6_checksum(packet):
    body = packet[40:42] + b"\0\0" + packet[44:]
    pseudo = packet[8:40] + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6)
    return packet[:42] + struct.pack("!H", checksum(pseudo + body)) + body[4:]


def is_to_the_door(packet):
    at = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
    return packet[at + 2:at + 4] == PORT.to_bytes(2, "big")


class WaysTest(LabTest):
    def setUp(self):
        super().setUp()
        self.client.add_addresses("10.99.0.0/16", "fd99::/64")
        self.number = 0

    def fresh(self, version=4):
        """An address of the client's that has not knocked."""
        self.number += 1
        return f"10.99.0.{self.number}" if version == 4 else f"fd99::{self.number:x}"

    def opens(self, source, seconds=5.0):
        self.client.wait_open(self.target(source), PORT, source, seconds)

    def shut(self, source):
        self.assert_shut(self.client, self.target(source), source=source)

    def target(self, source):
        return self.server.ip(ipaddress.ip_address(source).version)

    def heard(self, sniffer, source):
        """What a sniffer has of a knock from an address: whole packets."""
        mine = ipaddress.ip_address(source).packed
        return [whole(p) for p in sniffer.raw(self.target(source))
                if (p[12:16] if len(mine) == 4 else p[8:24]) == mine and not is_to_the_door(p)]

    def send_and_wait(self, way, guard, packets):
        """Sends packets from the router; returns when the server has judged as many."""
        before = way.judged(guard)
        self.lab.sender(self.lab.router).send(packets)
        wait_for(lambda: way.judged(guard) >= before + len(packets), "the server to judge what was sent")


def each_way(case, names, check, what=""):
    """Gives a class of tests one test for each way: test_NAME, or test_NAME_what, runs `check` of the case with the way's
    class."""
    for name in names:
        def test(self, way=WAYS[name]):
            getattr(self, check)(way)
        setattr(case, "_".join(["test", name.replace("-", "_"), *([what] if what else [])]), test)
