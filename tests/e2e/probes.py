"""What a scanner can ask a port, packet by packet, and what came back.

`probes(version)` makes them, each a name and a function of a destination port that gives Ethernet payloads; a
`Prober` sends them over a wire of its own and tells what the host answered, with ports by name and without what
differs from packet to packet anyhow (IP id, the checksums, which must be right, and the flow label's value).
"""

import errno
import ipaddress
import random
import socket
import struct

from packets import checksum

_ETH_P_ALL = 3
_TCP, _UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
_SEQUENCE, _ACKNOWLEDGED = 0x11223344, 0x55667788


def flag_names(flags):
    return "".join(letter for i, letter in enumerate("FSRPAUEC") if flags >> i & 1) or "none"


class Path:
    """From where to where, in one address family."""

    port = 20000  # the scanner's, for all paths; the one who probes takes another for each probe

    def __init__(self, source, target):
        self.source, self.target = ipaddress.ip_address(source), ipaddress.ip_address(target)
        self.version = self.source.version

    def sum(self, protocol, body):
        pseudo = self.source.packed + self.target.packed + struct.pack("!II", len(body), protocol)
        return checksum(pseudo + body)

    def tcp(self, port, flags, sequence=_SEQUENCE, acknowledged=0, window=64240, urgent=0, options=b"", data=b"",
            offset=None, reserved=0, bad=False):
        """A TCP segment; `offset` in words, what the options need if not given. Options are padded with zeros."""
        options += bytes(-len(options) % 4)
        words = 5 + len(options) // 4 if offset is None else offset
        head = struct.pack("!HHIIBBHHH", self.port, port, sequence, acknowledged, words << 4 | reserved, flags, window, 0,
                           urgent) + options + data
        value = self.sum(_TCP, head) ^ (0x5555 if bad else 0)
        return head[:16] + struct.pack("!H", value) + head[18:]

    def udp(self, port, data=b"hello", length=None, value=None, bad=False):
        """A UDP datagram; `length` as it claims, `value` of the checksum instead of the right one."""
        length = 8 + len(data) if length is None else length
        head = struct.pack("!HHHH", self.port, port, length, 0) + data
        covered = head[:length] if 8 <= length <= len(head) else head
        if value is None:
            value = (self.sum(_UDP, covered) or 0xFFFF) ^ (0x5555 if bad else 0)
        return head[:6] + struct.pack("!H", value) + head[8:]

    def ip(self, protocol, body, tos=0, ttl=64, options=b"", at=0, more=False, df=True, label=0, number=0x4242,
           length=None, bad=False, extensions=()):
        """An IP packet; `options` (IPv4) and `extensions` ((number, bytes) of IPv6 headers) between. `at` and `more`
        make it a fragment (of IPv6 too, by a fragment header)."""
        if self.version == 4:
            options += bytes(-len(options) % 4)
            words = 5 + len(options) // 4
            where = (at // 8) | (0x2000 if more else 0) | (0x4000 if df and not at and not more else 0)
            head = struct.pack("!BBHHHBBH", 0x40 | words, tos, length or words * 4 + len(body), number, where, ttl,
                               protocol, 0) + self.source.packed + self.target.packed + options
            return head[:10] + struct.pack("!H", checksum(head) ^ (0x5555 if bad else 0)) + head[12:] + body
        if at or more:
            extensions = [*extensions, (44, struct.pack("!BBHI", 0, 0, at | more, number))]
        chain = b""
        following = protocol
        for kind, header in reversed(extensions):
            chain = bytes([following]) + header[1:] + chain
            following = kind
        body = chain + body
        return struct.pack("!IHBB", 6 << 28 | tos << 20 | label, len(body) if length is None else length, following,
                           ttl) + self.source.packed + self.target.packed + body

    def fragments(self, protocol, body, size, **more):
        """The same in two fragments, the first with `size` bytes."""
        return [self.ip(protocol, body[:size], more=True, **more), self.ip(protocol, body[size:], at=size, **more)]


_TIMESTAMP = b"\x08\x0a\0\0\x12\x34\0\0\0\0"
_TCP_OPTIONS = {
    "mss": b"\x02\x04\x05\xb4", "of Linux": b"\x02\x04\x05\xb4\x04\x02" + _TIMESTAMP + b"\x01\x03\x03\x07",
    "of Windows": b"\x02\x04\x05\xb4\x01\x03\x03\x08\x01\x01\x04\x02", "timestamps": b"\x01\x01" + _TIMESTAMP,
    "fast open, asking": b"\x22\x02", "fast open cookie": b"\x22\x0a" + bytes(range(8)),
    "multipath": b"\x1e\x0c\x01\x81" + bytes(range(8)), "multipath join": b"\x1e\x0c\x11\x81" + bytes(range(8)),
    "md5": b"\x13\x12" + bytes(16), "md5 after others": b"\x02\x04\x05\xb4\x01\x01\x13\x12" + bytes(16),
    "md5 twice": (b"\x13\x12" + bytes(16)) * 2, "md5 too short": b"\x13\x06" + bytes(4), "md5 without length": b"\x13",
    "md5 after the end": b"\0\0\x13\x12" + bytes(16), "md5 beyond the end": b"\x01\x01\x13\x12",
    "authentication": b"\x1d\x10\1\1" + bytes(12), "authentication, short": b"\x1d\x03\1",
    "authentication and md5": b"\x1d\x10\1\1" + bytes(12) + b"\x13\x12" + bytes(16),
    "length 0": b"\x05\0\1\1", "length 1": b"\x05\1\1\1", "length beyond the end": b"\x05\x22\1\1",
    "unknown": b"\xfd\x04\xf9\x89", "forty nops": b"\1" * 40, "sack": b"\1\1\5\x0a" + bytes(8),
}


def _tcp_probes(path):
    """Yields (name, arguments of tcp(), arguments of ip())."""
    for flags in range(64):
        yield f"flags {flag_names(flags)}", {"flags": flags, "acknowledged": _ACKNOWLEDGED if flags & ACK else 0}, {}
    for flags in (SYN | ECE | CWR, SYN | ECE, SYN | CWR, ACK | ECE, CWR, 0xFF):
        yield f"flags {flag_names(flags)}", {"flags": flags}, {}
    for what, more in {
            "sequence 0": {"sequence": 0}, "sequence at its end": {"sequence": 0xFFFFFFFF},
            "an acknowledgement without the flag": {"acknowledged": _ACKNOWLEDGED}, "window 0": {"window": 0},
            "window 65535": {"window": 65535}, "window 1": {"window": 1}, "an urgent pointer": {"urgent": 0xF7F5},
            "data": {"data": b"GET / HTTP/1.0\r\n\r\n"}, "odd data": {"data": b"abc"}, "much data": {"data": b"x" * 1400},
            "bad checksum": {"bad": True}, "data, bad checksum": {"bad": True, "data": b"data"},
            "reserved bits": {"reserved": 0xE}, "reserved bit of accurate ECN": {"reserved": 1},
            **{f"data offset {n}": {"offset": n} for n in (0, 1, 2, 3, 4, 6, 10, 15)},
            "data offset into data": {"offset": 7, "data": b"\1" * 8},
            "data offset just beyond data": {"offset": 8, "data": b"\1" * 8}}.items():
        yield f"SYN, {what}", {"flags": SYN, **more}, {}
    for what, more in {"acknowledging 0": {}, "acknowledging the end": {"acknowledged": 0xFFFFFFFF},
                       "window 0": {"window": 0}, "data": {"data": b"data"}, "data offset 3": {"offset": 3},
                       "data offset beyond": {"offset": 12}, "bad checksum": {"bad": True}}.items():
        yield f"ACK, {what}", {"flags": ACK, **more}, {}
    yield "SYN-ACK, data", {"flags": SYN | ACK, "acknowledged": _ACKNOWLEDGED, "data": b"data"}, {}
    yield "FIN, data", {"flags": FIN, "data": b"data"}, {}
    for what, options in _TCP_OPTIONS.items():
        yield f"SYN, option {what}", {"flags": SYN, "options": options}, {}
    for what in ("md5", "timestamps", "authentication"):
        yield f"ACK, option {what}", {"flags": ACK, "options": _TCP_OPTIONS[what]}, {}
    yield "RST, option md5", {"flags": RST, "options": _TCP_OPTIONS["md5"]}, {}
    for name, ip in _ip_forms(path):
        yield f"SYN, {name}", {"flags": SYN}, ip
    for tos in (0x10, 0xB8, 0xFF):
        yield f"ACK, TOS {tos:#x}", {"flags": ACK}, {"tos": tos}


def _ip_forms(path):
    for tos in (1, 2, 3, 4, 0x10, 0x28, 0xB8, 0xE0, 0xFF):
        yield f"TOS {tos:#x}", {"tos": tos}
    for ttl in (1, 2, 255, 0):
        yield f"TTL {ttl}", {"ttl": ttl}
    if path.version == 4:
        yield "no DF", {"df": False}
        yield "IP id 0", {"number": 0}
        yield "bad IP checksum", {"bad": True}
        yield "IP option nop", {"options": b"\1\1\1\1"}
        yield "IP option record route", {"options": b"\x07\x07\x04" + bytes(4)}
        yield "IP option timestamp", {"options": b"\x44\x08\x05\0" + bytes(4)}
        yield "IP option router alert", {"options": b"\x94\x04\0\0"}
        yield "IP option source route", {"options": b"\x83\x07\x04" + path.target.packed}
        yield "IP option unknown", {"options": b"\x99\x04\0\0"}
        yield "IP option of bad length", {"options": b"\x07\x03\x04\0"}
    else:
        yield "flow label", {"label": 0x12345}
        yield "hop-by-hop header", {"extensions": [(0, b"\0\0\1\4\0\0\0\0")]}
        yield "hop-by-hop, unknown option", {"extensions": [(0, b"\0\0\x9e\4\0\0\0\0")]}
        yield "destination header", {"extensions": [(60, b"\0\0\1\4\0\0\0\0")]}
        yield "destination, unknown option", {"extensions": [(60, b"\0\0\x9e\4\0\0\0\0")]}
        yield "routing header, none left", {"extensions": [(43, b"\0\0\x04\0\0\0\0\0")]}
        yield "routing header of type 0", {"extensions": [(43, b"\0\2\0\1\0\0\0\0" + path.target.packed)]}
        yield "atomic fragment", {"extensions": [(44, b"\0\0\0\0\0\0\0\7")]}
        yield "hop-by-hop and destination", {"extensions": [(0, b"\0\0\1\4\0\0\0\0"), (60, b"\0\0\1\4\0\0\0\0")]}


def _udp_probes(path):
    """Yields (name, arguments of udp(), arguments of ip())."""
    for what, more in {
            "a datagram": {}, "empty": {"data": b""}, "one byte": {"data": b"x"}, "big": {"data": b"x" * 1400},
            "600 bytes": {"data": b"y" * 600}, "no checksum": {"value": 0}, "bad checksum": {"bad": True},
            "bad checksum, empty": {"bad": True, "data": b""}, "checksum 0xffff": {"value": 0xFFFF},
            "a DNS question": {"data": bytes.fromhex("123401000001000000000000") + b"\1a\0\0\1\0\1"},
            **{f"length {n}": {"length": n} for n in (0, 1, 7, 8, 10, 14, 15, 1000, 65535)},
            **{f"length {n}, no checksum": {"length": n, "value": 0} for n in (0, 7, 8, 10, 14, 65535)},
            **{f"{n} bytes more": {"data": b"x" * n} for n in (3, 4, 7, 8, 227, 228, 229, 243, 244, 500, 1256)},
            **{f"length {n} too big": {"length": 13 + n} for n in (4, 12, 16, 20, 240, 256, 4096, 61440)},
            **{f"length {n} too big for 300": {"data": b"x" * 300, "length": 308 + n} for n in (1, 16, 20, 256)}, "length one short of much": {"data": b"z" * 500, "length": 507},
    }.items():
        yield f"UDP, {what}", more, {}
    for name, ip in _ip_forms(path):
        yield f"UDP, {name}", {}, ip


def probes(path, everyone):
    """All probes of one family: (name, function of a port giving a list of (packet, whom)). `whom` is the link-layer
    destination: "host", or "all". `everyone`: broadcast and multicast addresses that the host listens on."""
    def forms():
        for name, tcp, ip in _tcp_probes(path):
            yield name, lambda port, tcp=tcp, ip=ip: [path.ip(_TCP, path.tcp(port, **tcp), **ip)]
        for name, udp, ip in _udp_probes(path):
            yield name, lambda port, udp=udp, ip=ip: [path.ip(_UDP, path.udp(port, **udp), **ip)]
        syn = lambda port, **more: path.tcp(port, SYN, **more)  # noqa: E731
        for cut in (1, 2, 4, 8, 13, 16, 19):
            yield f"SYN cut to {cut} bytes", lambda port, cut=cut: [path.ip(_TCP, syn(port)[:cut])]
        for cut in (2, 4, 7):
            yield f"UDP cut to {cut} bytes", lambda port, cut=cut: [path.ip(_UDP, path.udp(port)[:cut])]
        for size in (8, 16, 24, 40):
            yield (f"SYN in fragments at {size}", lambda port, size=size: path.fragments(
                _TCP, syn(port, options=_TCP_OPTIONS["of Linux"], data=b"x" * 40), size))
            yield (f"UDP in fragments at {size}",
                   lambda port, size=size: path.fragments(_UDP, path.udp(port, b"x" * 80), size))
            yield (f"SYN in fragments at {size}, the second first", lambda port, size=size: path.fragments(
                _TCP, syn(port, data=b"x" * 40), size)[::-1])
        yield "SYN in fragments with TOS", lambda port: path.fragments(_TCP, syn(port, data=b"x" * 40), 32, tos=0x10)
        yield "SYN in fragments, bad checksum", lambda port: path.fragments(
            _TCP, syn(port, data=b"x" * 40, bad=True), 32)
        yield "UDP in fragments, big", lambda port: path.fragments(_UDP, path.udp(port, b"x" * 2000), 1200)
        yield "UDP in fragments, length 900", lambda port: path.fragments(
            _UDP, path.udp(port, b"x" * 2000, length=900), 1200)
        yield "UDP in fragments, length 9000", lambda port: path.fragments(
            _UDP, path.udp(port, b"x" * 2000, length=9000), 1200)
    for name, form in forms():
        yield name, lambda port, form=form: [(packet, "host") for packet in form(port)]
    for address in everyone:
        other = Path(path.source, address)
        yield f"SYN to {address}", lambda port, o=other: [(o.ip(_TCP, o.tcp(port, SYN)), "all")]
        yield f"ACK to {address}", lambda port, o=other: [(o.ip(_TCP, o.tcp(port, ACK)), "all")]
        yield f"UDP to {address}", lambda port, o=other: [(o.ip(_UDP, o.udp(port)), "all")]
    yield "SYN in a broadcast frame", lambda port: [(path.ip(_TCP, path.tcp(port, SYN)), "all")]
    yield "UDP in a broadcast frame", lambda port: [(path.ip(_UDP, path.udp(port)), "all")]
    for source in ("255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0") if path.version == 4 else ("ff02::1", "::1", "::"):
        odd = Path(source, path.target)
        yield f"SYN from {source}", lambda port, o=odd: [(o.ip(_TCP, o.tcp(port, SYN)), "host")]
        yield f"UDP from {source}", lambda port, o=odd: [(o.ip(_UDP, o.udp(port)), "host")]


def _quote(quoted, sent):
    """What an error quotes, in terms of what was sent."""
    if any(p.startswith(quoted) for p in sent):
        return f"{len(quoted)} bytes as sent"
    # Put together from fragments: the header may change, the rest may not.
    head = (quoted[0] & 15) * 4 if quoted[0] >> 4 == 4 else 40
    rest = quoted[head:]
    size = head if quoted[0] >> 4 == 4 else head + 8
    if len(sent) == 2 and any((a[size:] + b[size:]).startswith(rest) for a, b in (sent, sent[::-1])):
        return f"{quoted[:head].hex()} and {len(rest)} bytes as sent"
    return f"CHANGED {quoted.hex()} of {sent[0].hex()}"


def describe(packet, port, sent):
    """An answer as text that is the same for two ports that behave the same. `sent`: the probe's packets."""
    if packet[0] >> 4 == 4:
        size = (packet[0] & 15) * 4
        _, tos, length, number, where, ttl, protocol = struct.unpack("!BBHHHBB", packet[:10])
        packet = packet[:length]
        text = (f"IPv4 tos={tos:#x} length={length} id={'some' if number else 0} flags={where:#x} ttl={ttl} "
                f"options={packet[20:size].hex()} sum={'good' if checksum(packet[:size]) == 0 else 'BAD'}")
        path = Path(packet[12:16], packet[16:20])
    else:
        size = 40
        first, length, protocol, ttl = struct.unpack("!IHBB", packet[:8])
        packet = packet[:40 + length]
        text = (f"IPv6 class={first >> 20 & 0xFF:#x} label={'some' if first & 0xFFFFF else 0} "
                f"length={length} next={protocol} hops={ttl}")
        path = Path(packet[8:24], packet[24:40])
    text += f" {path.source}>{path.target} "
    body = packet[size:]
    if protocol == _TCP:
        source, target, sequence, acknowledged, words, flags, window, value, urgent = struct.unpack("!HHIIBBHHH", body[:20])
        return text + (f"TCP {'probed' if source == port else source}>{target} {flag_names(flags)} seq={sequence} "
                       f"ack={acknowledged} words={words:#x} window={window} urgent={urgent} rest={body[20:].hex()} "
                       f"sum={'good' if path.sum(_TCP, body) == 0 else 'BAD'}")
    if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
        good = checksum(body) if protocol == socket.IPPROTO_ICMP else path.sum(protocol, body)
        quoted = body[8:]
        return text + f"ICMP {body[0]}/{body[1]} rest={body[4:8].hex()} quotes {_quote(quoted, sent)} sum={'good' if good == 0 else 'BAD'}"
    return text + f"protocol {protocol}: {body.hex()}"


class Prober:
    """Sends from an interface of a namespace, in the name of addresses that are nobody's, to the machine at the other
    end of the wire. `paths`: version -> Path. The other end must hold a neighbour entry for the paths' sources."""

    def __init__(self, namespace, interface, own, peer, paths):
        self.own, self.peer, self.paths = own, peer, paths
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self.socket.bind((interface, _ETH_P_ALL))
        self.socket.settimeout(5)
        self.asked = 0

    def ask(self, version, packets):
        """The answers to packets, in order, each described. The end of the answers is the answer to an echo request
        that follows the packets: the host handles what one wire brings in order."""
        for packet, whom in packets:
            self._send(packet, whom)
        self.asked += 1
        mark = struct.pack("!HH", 0x4B4E, self.asked & 0xFFFF)
        path = self.paths[version]
        kind, protocol = (8, socket.IPPROTO_ICMP) if version == 4 else (128, socket.IPPROTO_ICMPV6)
        echo = struct.pack("!BBH", kind, 0, 0) + mark
        echo = echo[:2] + struct.pack("!H", checksum(echo) if version == 4 else path.sum(protocol, echo)) + mark
        self._send(path.ip(protocol, echo), "host")
        answers = []
        while True:
            packet = self._receive()
            head = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
            if packet[head] == (0 if version == 4 else 129) and packet[head + 4:head + 8] == mark:
                return answers
            if packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] in range(130, 138):
                continue  # what neighbours and routers say to each other
            if packet[0] >> 4 == 4 or packet[8] != 0xFE:  # nor what the host says unasked, from its link-local address
                answers.append(packet)

    def answers(self, version, form, port):
        packets = form(port)
        return [describe(a, port, [p for p, _ in packets]) for a in self.ask(version, packets)]

    def _send(self, packet, whom):
        target = b"\xff" * 6 if whom == "all" else self.peer
        kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
        self.socket.send(target + self.own + struct.pack("!H", kind) + packet)

    def _receive(self):
        while True:
            try:
                frame, (_, _, kind, *_) = self.socket.recvfrom(65535)
            except OSError as e:
                if e.errno == errno.ENETDOWN:
                    continue
                raise
            if kind != 4 and frame[12:14] in (b"\x08\x00", b"\x86\xdd"):  # 4: our own, going out
                return frame[14:]

    def close(self):
        self.socket.close()
