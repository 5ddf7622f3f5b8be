"""Packets of every shape by hand, as a stranger on the server's own wire can send them."""

import ipaddress
import random
import socket
import struct

from packets import checksum

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
TCP, UDP, FRAGMENT = socket.IPPROTO_TCP, socket.IPPROTO_UDP, 44
_ETH_P_ALL, _SO_RCVBUFFORCE = 3, 33
_ETH_P_IP, _ETH_P_IPV6, _ETH_P_8021Q = 0x0800, 0x86DD, 0x8100


class Way:
    """From an address to an address; builds what goes between them."""

    def __init__(self, source, target):
        self.source, self.target = ipaddress.ip_address(source), ipaddress.ip_address(target)
        self.version = self.target.version

    def _sum(self, protocol, data):
        pseudo = self.source.packed + self.target.packed + struct.pack("!II", len(data), protocol)
        return checksum(pseudo + data)

    def tcp(self, sport, dport, flags=SYN, seq=None, ack=0, options=b"", data=b"", offset=None, urgent=0, window=64240,
            wrong_sum=False):
        """A TCP segment; options are padded; offset: what it claims, whatever is true."""
        options += b"\1" * (-len(options) % 4)
        offset = 5 + len(options) // 4 if offset is None else offset
        seq = random.getrandbits(32) if seq is None else seq
        head = struct.pack("!HHIIHHHH", sport, dport, seq, ack, offset << 12 | flags, window, 0, urgent)
        head += options
        total = self._sum(TCP, head + data) ^ (0x5555 if wrong_sum else 0)
        return head[:16] + struct.pack("!H", total) + head[18:] + data

    def udp(self, sport, dport, data=b"anybody there?", length=None, no_sum=False):
        length = 8 + len(data) if length is None else length
        head = struct.pack("!HHHH", sport, dport, length, 0)
        total = 0 if no_sum else self._sum(UDP, head + data) or 0xFFFF
        return head[:6] + struct.pack("!H", total) + data

    def ip(self, payload, protocol=TCP, **fields):
        return (self.ip4 if self.version == 4 else self.ip6)(payload, protocol, **fields)

    def ip4(self, payload, protocol=TCP, options=b"", at=0, more=False, ident=None, ttl=64, tos=0, bits=0, wrong_sum=False,
            length=None):
        """at: the fragment's place in bytes; bits: 2 don't fragment, 4 reserved; length: what it claims."""
        options += b"\1" * (-len(options) % 4)
        words = 5 + len(options) // 4
        head = struct.pack("!BBHHHBBH", 4 << 4 | words, tos, length or 4 * words + len(payload),
                           random.getrandbits(16) if ident is None else ident,
                           (bits | more) << 13 | at // 8, ttl, protocol, 0)
        head += self.source.packed + self.target.packed + options
        total = checksum(head) ^ (0x5555 if wrong_sum else 0)
        return head[:10] + struct.pack("!H", total) + head[12:] + payload

    def ip6(self, payload, protocol=TCP, hops=64, label=0, length=None):
        return struct.pack("!IHBB", 6 << 28 | label, len(payload) if length is None else length, protocol,
                           hops) + self.source.packed + self.target.packed + payload

    def chain(self, payload, *headers, last=TCP):
        """An IPv6 packet with extension headers: (number, body) each; the body lacks the next header's number."""
        following = last
        for number, body in reversed(headers):
            payload = bytes([following]) + body + payload
            following = number
        return self.ip6(payload, following)

    def cut(self, payload, *pieces, protocol=TCP, before=(), order=None):
        """A payload in fragments: (from, to) each, the last to None. before: IPv6 headers that are not cut."""
        ident, out = random.getrandbits(16), []
        for begin, end in pieces:
            part, more = payload[begin:end], end is not None and end < len(payload)
            if self.version == 4:
                out.append(self.ip4(part, protocol, at=begin, more=more, ident=ident))
            else:
                out.append(self.chain(part, *before, (FRAGMENT, fragment(begin, more, ident)), last=protocol))
        return [out[i] for i in order] if order else out


def fragment(begin=0, more=False, ident=1):
    """The body of an IPv6 fragment header."""
    return b"\0" + struct.pack("!HI", begin | more, ident)


def options_header(size=8, option=b""):
    """The body of a hop-by-hop or destination options header, `size` bytes long with its first."""
    room, pad = size - 2 - len(option), b""
    while room > 1:
        some = min(room, 257)
        pad += bytes([1, some - 2]) + b"\0" * (some - 2)
        room -= some
    return bytes([size // 8 - 1]) + option + pad + b"\0" * room


def routing(kind, left, *addresses):
    """The body of an IPv6 routing header."""
    return bytes([2 * len(addresses), kind, left]) + b"\0" * 4 + b"".join(
        ipaddress.ip_address(a).packed for a in addresses)


class Wire:
    """The stranger's end of the server's wire: whole frames go straight to the server, and all that the server sends
    is seen, on the wire and on its loopback."""

    def __init__(self, router, interface, server):
        self._socket = router.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((interface, 0))
        self._seen = [host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
                      for host in (router, server)]
        for s, device in zip(self._seen, (interface, "lo")):
            s.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 24)
            s.bind((device, _ETH_P_ALL))
            s.setblocking(False)
        links = {host: host.run(["ip", "-br", "link", "show", "dev", device]).stdout.split()[2]
                 for host, device in ((router, interface), (server, "eth0"))}
        self.mac = bytes.fromhex(links[server].replace(":", ""))
        self._own = bytes.fromhex(links[router].replace(":", ""))

    def send(self, packet, target=None, tag=None):
        """One IP packet in a frame; tag: a VLAN tag before it."""
        kind = _ETH_P_IP if packet[0] >> 4 == 4 else _ETH_P_IPV6
        tagged = b"" if tag is None else struct.pack("!HH", _ETH_P_8021Q, tag)
        self._socket.send((target or self.mac) + self._own + tagged + struct.pack("!H", kind) + packet)

    def answers(self):
        """The TCP segments that came from the server since the last call: source, its port, target, its port, flags."""
        for s in self._seen:
            while True:
                try:
                    packet, where = s.recvfrom(65535)
                except BlockingIOError:
                    break
                head = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
                protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
                if where[2] != socket.PACKET_OUTGOING and protocol == TCP and len(packet) >= head + 20:
                    at, size = (12, 4) if head != 40 or packet[0] >> 4 == 4 else (8, 16)
                    ends = [str(ipaddress.ip_address(packet[i:i + size])) for i in (at, at + size)]
                    ports = struct.unpack("!HH", packet[head:head + 4])
                    yield ends[0], ports[0], ends[1], ports[1], packet[head + 13]

    def close(self):
        for s in (self._socket, *self._seen):
            s.close()
